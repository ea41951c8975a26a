import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect, isIP } from "node:net";
import { checkServerIdentity, type PeerCertificate, connect as tlsConnect } from "node:tls";
import type {
  CertificateFacts,
  CheckProbe,
  PortAnswer,
  ProbeTrust,
} from "../../ports/check-probe.ts";

/** A person waits; whoever is well answers within milliseconds. */
const CONNECT_TIMEOUT_MS = 2_000;

/** After a connection, for the first byte. */
const FIRST_BYTE_TIMEOUT_MS = 1_000;

const PAGE_TIMEOUT_MS = 2_000;

/** What servers of every kind react to: with an answer, a complaint or a hang-up. */
const KNOCK = "GET /version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const CONNECT_FAILURES: Readonly<Record<string, PortAnswer>> = {
  ECONNREFUSED: { kind: "closed", detail: "connection refused, nothing listens there" },
  ENOTFOUND: { kind: "no-host", detail: "there is no such host name" },
  EAI_AGAIN: { kind: "no-host", detail: "the name could not be looked up" },
  EHOSTUNREACH: { kind: "unroutable", detail: "there is no route to it" },
  ENETUNREACH: { kind: "unroutable", detail: "there is no route to its network" },
  ETIMEDOUT: { kind: "timeout", detail: "the connection timed out" },
};

/** Verification results that other fields of CertificateFacts say better. */
const NOT_ABOUT_TRUST = [
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "HOSTNAME_MISMATCH",
];

/** Real sockets. */
export const socketCheckProbe: CheckProbe = { port: probePort, certificate, page };

async function probePort(address: string): Promise<PortAnswer> {
  const answer = await knock(address);
  if (answer.kind !== "silent") return answer;
  // A TLS server hangs up on plaintext, some without a word.
  return (await handshake(address, split(address).host, undefined)) === undefined
    ? answer
    : { kind: "tls", detail: "it speaks TLS" };
}

function knock(address: string): Promise<PortAnswer> {
  const { host, port } = split(address);
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let isConnected = false;
    const settle = (answer: PortAnswer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      settle(
        isConnected
          ? { kind: "silent", detail: "it accepts connections and says nothing" }
          : { kind: "timeout", detail: `no connection within ${CONNECT_TIMEOUT_MS / 1_000} s` },
      );
    });
    socket.on("connect", () => {
      isConnected = true;
      socket.setTimeout(FIRST_BYTE_TIMEOUT_MS);
      socket.write(KNOCK);
    });
    socket.once("data", (bytes) => settle(whoSays(bytes)));
    socket.on("end", () => settle({ kind: "silent", detail: "it hangs up without a word" }));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(afterError(error, isConnected)));
  });
}

function afterError(error: NodeJS.ErrnoException, isConnected: boolean): PortAnswer {
  if (isConnected) return { kind: "silent", detail: "it resets connections" };
  return CONNECT_FAILURES[error.code ?? ""] ?? { kind: "unroutable", detail: error.message };
}

function whoSays(bytes: Buffer): PortAnswer {
  if (bytes.toString("latin1", 0, 5) === "HTTP/") {
    return { kind: "http1", detail: "it speaks HTTP/1.1" };
  }
  // A TLS alert. Source: RFC 8446 section 5.1.
  if (bytes[0] === 0x15 && bytes[1] === 0x03) return { kind: "tls", detail: "it speaks TLS" };
  // A SETTINGS frame, or GOAWAY, on stream 0. Source: RFC 9113 section 4.1.
  const isFrame = bytes[0] === 0 && (bytes[3] === 0x04 || bytes[3] === 0x07);
  if (isFrame) return { kind: "http2", detail: "it speaks HTTP/2" };
  return { kind: "other", detail: "it speaks something that is not HTTP" };
}

interface Handshake {
  readonly peer: PeerCertificate;
  /** A code of OpenSSL; empty when the certificate was verified. */
  readonly problem: string;
}

function handshake(
  address: string,
  serverName: string,
  ca: Buffer | undefined,
): Promise<Handshake | undefined> {
  const { host, port } = split(address);
  return new Promise((resolve) => {
    const socket = tlsConnect({
      host,
      port,
      // We look at what is wrong instead of turning away.
      rejectUnauthorized: false,
      ALPNProtocols: ["h2", "http/1.1"],
      ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
      ...(ca === undefined ? {} : { ca }),
    });
    const settle = (result: Handshake | undefined): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(undefined));
    socket.on("error", () => settle(undefined));
    socket.on("end", () => settle(undefined));
    socket.once("secureConnect", () => {
      const problem: unknown = socket.authorizationError;
      settle({ peer: socket.getPeerCertificate(), problem: problem ? String(problem) : "" });
    });
  });
}

async function certificate(
  address: string,
  { caFile, serverName = split(address).host }: ProbeTrust,
): Promise<CertificateFacts | undefined> {
  const ca = caFile === undefined ? undefined : readCa(caFile);
  const shaken = await handshake(address, serverName, ca);
  if (shaken === undefined || shaken.peer.subject === undefined) return undefined;
  const { peer, problem } = shaken;
  return {
    subject: nameOf(peer.subject) || peer.subjectaltname || "no name",
    issuer: nameOf(peer.issuer) || "no name",
    names: peer.subjectaltname ?? nameOf(peer.subject),
    validFromMs: Date.parse(peer.valid_from),
    validUntilMs: Date.parse(peer.valid_to),
    hostProblem: checkServerIdentity(serverName, peer)?.message ?? "",
    trustProblem: NOT_ABOUT_TRUST.some((code) => problem.includes(code)) ? "" : problem,
  };
}

/** A file that is not there trusts nobody: the finding says so. */
function readCa(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

function nameOf(name: PeerCertificate["subject"] | undefined): string {
  const common = name?.CN ?? name?.O ?? "";
  return Array.isArray(common) ? common.join(", ") : common;
}

/** By TLS where the port speaks that. Its certificate is not judged: nothing secret is sent. */
async function page(
  address: string,
  path: string,
): Promise<{ status: number; body: string } | undefined> {
  return (await get(httpRequest, address, path)) ?? (await get(httpsRequest, address, path));
}

function get(
  request: typeof httpRequest | typeof httpsRequest,
  address: string,
  path: string,
): Promise<{ status: number; body: string } | undefined> {
  const { host, port } = split(address);
  const signal = AbortSignal.timeout(PAGE_TIMEOUT_MS);
  const options = { host, port, path, signal, rejectUnauthorized: false, agent: false };
  return new Promise((resolve) => {
    const nobody = (): void => resolve(undefined);
    const call = request(options, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (text: string) => {
        body += text;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.on("error", nobody);
    });
    call.on("error", nobody).end();
  });
}

function split(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  return { host, port: Number(address.slice(colon + 1)) };
}
