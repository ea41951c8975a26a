import { ErrorCode, NatsError } from "nats";
import { expect, test } from "vitest";
import { MeshError } from "../../core/model/mesh-error.ts";
import { permissionFix, problemAt } from "./nats-problem.ts";

const at = "nats://bus:4222";

test.each([
  [NatsError.errorForCode(ErrorCode.AuthorizationViolation), "auth", /refused us/],
  [NatsError.errorForCode(ErrorCode.AuthenticationExpired), "auth", /renew the creds file/],
  [NatsError.errorForCode(ErrorCode.Timeout), "unreachable", /does not answer in time/],
  [new NatsError("'Slow Consumer'", ErrorCode.ProtocolError), "overload", /not read fast enough/],
  [new NatsError("Unknown Op", ErrorCode.ProtocolError), "protocol", /Unknown Op/],
  [Object.assign(new Error("x"), { code: "ECONNRESET" }), "unreachable", /was reset/],
  [Object.assign(new Error("x"), { code: "CERT_HAS_EXPIRED" }), "tls", /has expired: renew it/],
  [Object.assign(new Error("a bad day"), { code: "EPROTO" }), "tls", /TLS failed \(a bad day\)/],
  [new MeshError("INVALID_ARGUMENT", "cannot use ca.pem"), "tls", /cannot use ca.pem/],
  [undefined, "unreachable", /the connection ended/],
  ["a string", "protocol", /a string/],
])("%s is %s", (error, kind, message) => {
  const problem = problemAt(at, error);
  expect(problem).toEqual({ kind, message: expect.stringMatching(message) });
  expect(problem.message).toMatch(/^NATS server nats:\/\/bus:4222: /);
});

test("an alert of TLS is told in words", () => {
  const message =
    "40:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert handshake failure:x";
  const error = Object.assign(new Error(message), { code: "ERR_SSL_X" });
  expect(problemAt(at, error).message).toBe(
    "NATS server nats://bus:4222: TLS failed on its side (handshake failure): look into its log",
  );
});

test("the reason behind an error of the client is told", () => {
  const refused = Object.assign(new Error("x"), { code: "EHOSTUNREACH" });
  expect(problemAt(at, new NatsError("x", "ODD", refused)).message).toContain("no route to it");
});

test("the fix names what covers all subjects of a cluster", () => {
  expect(permissionFix("publish", "weir.prod.v1.0.delta.abc")).toContain(
    `permissions { publish: { allow: ["weir.prod.>"] } }`,
  );
  expect(permissionFix("subscribe", "x.y")).toContain(`subscribe: { allow: ["x.y"] }`);
});
