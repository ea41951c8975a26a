import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from "node:http2";
import { status } from "@grpc/grpc-js";
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus,
  HealthService,
} from "../../gen/grpc/health/v1/health.ts";
import type { GrpcProbeTarget, Prober } from "../../ports/prober.ts";
import { lookupHost } from "../host-lookup.ts";
import { type OpenProbe, settleProbe } from "../settle-probe.ts";

/** A compression flag and the length of the message precede it. Source: gRPC over HTTP/2. */
const FRAME_HEADER_BYTES = 5;

/** A health answer has two bytes; whoever sends this much does not answer a health check. */
const MAX_ANSWER_BYTES = 4_096;

/**
 * Asks `grpc.health.v1.Health/Check` over plaintext, on an HTTP/2 session of its own. Not through
 * a grpc-js client: closing one that is still connecting leaves its socket open, so a frozen
 * server would cost a socket at each probe.
 */
export const grpcProber: Prober<GrpcProbeTarget> = {
  probe(target, timeoutMs, signal) {
    return settleProbe(timeoutMs, signal, (probe) => {
      const session = connect(`http://${authorityOf(target)}`, { lookup: lookupHost });
      session.on("error", probe.fail);
      const stream = session.request({
        ":method": "POST",
        ":path": HealthService.check.path,
        "content-type": "application/grpc",
        te: "trailers",
      });
      readAnswer(stream, target.service, probe);
      stream.end(frameOf(target.service));
      return () => session.destroy();
    });
  },
};

function readAnswer(stream: ClientHttp2Stream, service: string, { settle, fail }: OpenProbe): void {
  let answer = Buffer.alloc(0);
  const readStatus = (headers: IncomingHttpHeaders): void => {
    const failure = failureIn(headers, service);
    if (failure !== undefined) settle(false, failure);
  };
  stream.on("error", fail);
  // An answer without a message carries its status in the headers instead of the trailers.
  stream.on("response", (headers) => {
    const httpStatus = headers[":status"];
    if (httpStatus === 200) readStatus(headers);
    else settle(false, `not a gRPC server: HTTP status ${httpStatus}`);
  });
  stream.on("trailers", readStatus);
  stream.on("data", (chunk: Buffer) => {
    answer = Buffer.concat([answer, chunk]);
    if (answer.length > MAX_ANSWER_BYTES) settle(false, "not an answer to a health check");
  });
  stream.on("end", () => {
    const serving = servingIn(answer);
    settle(serving === "SERVING", `the health service answered ${serving}`);
  });
}

/** IPv6 needs brackets. */
function authorityOf({ host, port }: GrpcProbeTarget): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function frameOf(service: string): Buffer {
  const message = HealthCheckRequest.encode({ service }).finish();
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

function servingIn(answer: Buffer): string {
  if (answer.length < FRAME_HEADER_BYTES) return "nothing";
  try {
    const message = HealthCheckResponse.decode(answer.subarray(FRAME_HEADER_BYTES));
    const names = Object.entries(HealthCheckResponse_ServingStatus);
    return names.find(([, value]) => value === message.status)?.[0] ?? String(message.status);
  } catch {
    return "something else than a health status";
  }
}

/** What is wrong according to `grpc-status`; `undefined` when it is 0 or not there. */
function failureIn(headers: IncomingHttpHeaders, service: string): string | undefined {
  const code = headers["grpc-status"];
  if (code === undefined || code === "0") return undefined;
  switch (Number(code)) {
    case status.NOT_FOUND:
      return `the server does not know the health service name "${service}"`;
    case status.UNIMPLEMENTED:
      return "the server does not implement grpc.health.v1";
    default:
      return `gRPC status ${String(code)}: ${String(headers["grpc-message"] ?? "no message")}`;
  }
}
