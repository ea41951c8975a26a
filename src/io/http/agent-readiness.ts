import type { ClientRequest, IncomingMessage } from "node:http";
import { get as httpGet } from "node:http";
import { get as httpsGet } from "node:https";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ClientCertificate } from "../../ports/certificates.ts";

/** A probe that takes longer has its answer: no. */
const TIMEOUT_MS = 2_000;

/**
 * Asks an agent's admin port whether it is ready: open to everybody, so no token is sent.
 *
 * @param certificate speaks TLS with it; plaintext without.
 * @throws MeshError UNREACHABLE
 */
export function agentReadiness(
  address: string,
  certificate: ClientCertificate | undefined,
): Promise<{ readonly isReady: boolean; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const fail = (error: Error): void => reject(unreachable(address, error, certificate));
    const hear = (response: IncomingMessage): void => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
      });
      response.on("end", () => resolve({ isReady: response.statusCode === 200, text }));
      response.on("error", fail);
    };
    request(address, certificate, signal, hear).on("error", fail);
  });
}

function request(
  address: string,
  certificate: ClientCertificate | undefined,
  signal: AbortSignal,
  hear: (response: IncomingMessage) => void,
): ClientRequest {
  // One question: a connection kept for more would keep the process.
  const options = { signal, agent: false };
  if (certificate === undefined) return httpGet(`http://${address}/ready`, options, hear);
  const { ca, cert, key } = certificate;
  const tls = { ...(ca && { ca }), ...(cert && key && { cert, key }) };
  return httpsGet(`https://${address}/ready`, { ...options, ...tls }, hear);
}

function unreachable(
  address: string,
  cause: Error,
  certificate: ClientCertificate | undefined,
): MeshError {
  const how =
    certificate === undefined && /hang up|ECONNRESET|Parse Error/.test(cause.message)
      ? "if its ports speak TLS, give --ca FILE"
      : "start one with `weir agent`, or name its admin port with --agent";
  const message = `cannot reach an agent at ${address} (${cause.message}); ${how}`;
  return new MeshError("UNREACHABLE", message, { cause });
}
