import { status as Code, Metadata } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import { ErrorInfo } from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import { DETAILS_KEY, fromServiceError, grpcCode, toServiceError } from "./status.ts";

function statusOf(error: unknown): Status {
  const [bytes] = toServiceError(error).metadata.get(DETAILS_KEY);
  if (typeof bytes !== "object") throw new Error("expected bytes");
  return Status.decode(bytes);
}

test.each<{ code: MeshErrorCode; grpc: Code }>([
  { code: "INVALID_ARGUMENT", grpc: Code.INVALID_ARGUMENT },
  { code: "LEASE_NOT_FOUND", grpc: Code.NOT_FOUND },
  { code: "SUPERSEDED", grpc: Code.ABORTED },
  { code: "LIMIT_REACHED", grpc: Code.RESOURCE_EXHAUSTED },
  { code: "DRAINING", grpc: Code.UNAVAILABLE },
  { code: "INTERNAL", grpc: Code.INTERNAL },
])("$code travels as gRPC code $grpc and comes back as itself", ({ code, grpc }) => {
  const sent = toServiceError(new MeshError(code, "what, why, what to do"));
  expect(sent.code).toBe(grpc);
  expect(grpcCode(code)).toBe(grpc);
  const received = fromServiceError(sent);
  expect(received).toMatchObject({ code, message: "what, why, what to do", detail: {} });
});

test("every detail comes back", () => {
  const detail = {
    violations: [{ field: "instance.id", description: "is missing" }],
    quota: { subject: "instances", description: "1000 a namespace" },
    retryAfterMs: 1_500,
    info: { holder: "10.0.0.7:80" },
  };
  const error = new MeshError("LIMIT_REACHED", "too many", detail);
  expect(fromServiceError(toServiceError(error)).detail).toEqual(detail);
  expect(statusOf(error).details.map(({ typeUrl }) => typeUrl)).toEqual([
    "type.googleapis.com/google.rpc.ErrorInfo",
    "type.googleapis.com/google.rpc.RetryInfo",
    "type.googleapis.com/google.rpc.QuotaFailure",
    "type.googleapis.com/google.rpc.BadRequest",
  ]);
});

test("what is not a MeshError keeps its secrets", () => {
  const sent = toServiceError(new Error("password=hunter2"));
  expect(sent.code).toBe(Code.INTERNAL);
  expect(JSON.stringify(statusOf(new Error("password=hunter2")))).not.toContain("hunter2");
  expect(sent.details).not.toContain("hunter2");
});

test("an error that is too large for trailers is cut, reason and code stay", () => {
  const violations = Array.from({ length: 16 }, (_, i) => ({
    field: `f${i}`,
    description: "x".repeat(1_000),
  }));
  const info = Object.fromEntries(violations.map(({ field, description }) => [field, description]));
  const error = new MeshError("INVALID_ARGUMENT", "m".repeat(9_000), { violations, info });
  const sent = toServiceError(error);
  const [bytes] = sent.metadata.get(DETAILS_KEY);
  expect(bytes?.length).toBeLessThan(3_072);
  expect(sent.details).toHaveLength(500);
  expect(fromServiceError(sent).code).toBe("INVALID_ARGUMENT");
});

test("half a character in a message is replaced: grpc-js would throw on it", () => {
  const sent = toServiceError(new MeshError("SUPERSEDED", "held by \ud83d"));
  expect(sent.details).toBe("held by \ufffd");
  expect(toServiceError(new MeshError("SUPERSEDED", `${"a".repeat(499)}😀`)).details).toHaveLength(
    500,
  );
});

test.each([
  { code: Code.UNAVAILABLE, known: "UNREACHABLE" },
  { code: Code.CANCELLED, known: "UNREACHABLE" },
  { code: Code.DEADLINE_EXCEEDED, known: "TIMEOUT" },
  { code: Code.UNIMPLEMENTED, known: "UNIMPLEMENTED" },
  { code: Code.DATA_LOSS, known: "INTERNAL" },
])("gRPC code $code without details is $known", ({ code, known }) => {
  const error = Object.assign(new Error("x"), { code, details: "why", metadata: new Metadata() });
  expect(fromServiceError(error)).toMatchObject({ code: known, message: "why" });
});

test("details that are garbage, foreign or of a newer Weir leave the gRPC code to decide", () => {
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from([0xff, 0xff, 0xff]));
  const garbage = { code: Code.PERMISSION_DENIED, details: "no", metadata };
  expect(fromServiceError(garbage).code).toBe("PERMISSION_DENIED");
  expect(fromServiceError({ code: Code.PERMISSION_DENIED, details: "no" }).code).toBe(
    "PERMISSION_DENIED",
  );
  for (const [domain, reason] of [
    ["weir.dev", "REASON_OF_2030"],
    ["example.com", "SUPERSEDED"],
  ] as const) {
    const value = Buffer.from(ErrorInfo.encode({ domain, reason, metadata: new Map() }).finish());
    const details = [{ typeUrl: "type.googleapis.com/google.rpc.ErrorInfo", value }];
    metadata.set(
      DETAILS_KEY,
      Buffer.from(Status.encode({ code: 16, message: "", details }).finish()),
    );
    const error = { code: Code.UNAUTHENTICATED, details: "no", metadata };
    expect(fromServiceError(error).code).toBe("UNAUTHENTICATED");
  }
});

test("what is no gRPC error at all stays visible as the cause", () => {
  const cause = new TypeError("x is not a function");
  expect(fromServiceError(cause)).toMatchObject({ code: "INTERNAL", cause });
});
