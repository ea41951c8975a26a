import type { MeshErrorCode } from "../../../core/model/mesh-error.ts";
import type { CertificateFacts, PortAnswer } from "../../../ports/check-probe.ts";
import { DEFAULT_SERVER } from "../connection.ts";
import type { CheckFacts, TargetFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule, weir } from "./rule.ts";

/** Never got there at all. */
const UNREACHABLE: readonly PortAnswer["kind"][] = ["closed", "no-host", "unroutable", "timeout"];

/** Failures that have a rule of their own. */
const EXPLAINED_CODES: readonly MeshErrorCode[] = [
  "UNIMPLEMENTED",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "INVALID_ARGUMENT",
];

/** A fault of the connection: found when the first call failed in that way. */
function whenFailed(find: (target: TargetFacts, facts: CheckFacts) => Found[]): Rule["find"] {
  return (facts) => (facts.target.failure === undefined ? [] : find(facts.target, facts));
}

function whenCode(
  code: MeshErrorCode,
  isMeant: (target: TargetFacts) => boolean,
  found: (target: TargetFacts, facts: CheckFacts) => Omit<Found, "subject">,
): Rule["find"] {
  return whenFailed((target, facts) =>
    onlyIf(target.failure?.code === code && isMeant(target), () => ({
      subject: target.address,
      ...found(target, facts),
    })),
  );
}

function portIs(target: TargetFacts, ...kinds: readonly PortAnswer["kind"][]): boolean {
  return target.port !== undefined && kinds.includes(target.port.kind);
}

export const CONNECTION_RULES: readonly Rule[] = [
  {
    id: "control-plane-unreachable",
    severity: "error",
    title: "Nothing answers at the control plane's address",
    why: "Agents serve on from what they last knew, but nobody can register, drain or leave, and a restarted agent may start empty.",
    find: whenFailed((target) =>
      onlyIf(portIs(target, ...UNREACHABLE), () => ({
        subject: target.address,
        what: `No control plane can be reached at ${target.address}: ${target.port?.detail}.`,
        fix: reachFix(target),
      })),
    ),
  },
  {
    id: "control-plane-not-grpc",
    severity: "error",
    title: "The address is a port that does not speak gRPC",
    why: "Commands, agents and clients need the gRPC port (7400 unless set); the admin port (7401) only answers HTTP pages.",
    find: whenFailed((target) =>
      onlyIf(portIs(target, "http1", "other"), () => ({
        subject: target.address,
        what: target.httpVersionPage.includes("version")
          ? `${target.address} is an admin port of Weir, which speaks HTTP and not gRPC.`
          : `${target.address} answers, but not in gRPC: ${target.port?.detail}.`,
        fix: grpcFix(target),
      })),
    ),
  },
  {
    id: "control-plane-tls-expected",
    severity: "error",
    title: "The control plane speaks TLS, the client does not",
    why: "Every call fails before it says anything, which looks like a broken network.",
    find: whenFailed((target) =>
      onlyIf(!target.usesTls && portIs(target, "tls"), () => ({
        subject: target.address,
        what: `${target.address} speaks TLS; this command spoke plaintext.`,
        fix: `weir check --server ${target.address} --ca ca.pem    # the CA that signed the server's certificate`,
      })),
    ),
  },
  {
    id: "control-plane-tls-absent",
    severity: "error",
    title: "The client speaks TLS, the control plane does not",
    why: "Every call fails, and a token would travel in the clear if it did not.",
    find: whenFailed((target) =>
      onlyIf(target.usesTls && portIs(target, "http2"), () => ({
        subject: target.address,
        what: `${target.address} speaks plaintext; this command spoke TLS.`,
        fix: "weir server --tls-cert server.pem --tls-key server.key    # or leave --ca away, if that network is trusted",
      })),
    ),
  },
  {
    id: "control-plane-hangs",
    severity: "error",
    title: "The control plane accepts connections and does not answer",
    why: "Agents and sessions wait for it until their watchdogs cut the connection, and come back all at once.",
    find: whenFailed((target) =>
      onlyIf(
        portIs(target, "silent") || (target.failure?.code === "TIMEOUT" && portIs(target, "http2")),
        () => ({
          subject: target.address,
          what: `${target.address} accepts connections, but no answer came in time.`,
          fix: `ss -ltnp 'sport = :${portOf(target.address)}'    # who is it? if it is Weir, look at its CPU and its log, and restart it`,
        }),
      ),
    ),
  },
  {
    id: "control-plane-not-weir",
    severity: "error",
    title: "A gRPC server of another kind or version answers",
    why: "Calls of this version cannot work there.",
    find: whenCode(
      "UNIMPLEMENTED",
      () => true,
      ({ address }) => ({
        what: `${address} speaks gRPC, but does not know weir.v1.AdminService.`,
        fix: `ss -ltnp 'sport = :${portOf(address)}'    # who is it? then: weir check --server HOST:PORT`,
      }),
    ),
  },
  {
    id: "control-plane-failed",
    severity: "error",
    title: "The control plane's answer is a failure of another kind",
    why: "What is known of the mesh is incomplete, and others get the same answer.",
    find: whenFailed((target, facts) =>
      onlyIf(!isExplained(target, facts.wallMs), () => ({
        subject: target.address,
        what: `The control plane answered ${target.failure?.code}: ${target.failure?.message}.`,
        fix: `${weir(facts, "health")}    # and look into the server's log`,
      })),
    ),
  },
  {
    id: "token-missing",
    severity: "error",
    title: "The control plane asks for a token and got none",
    why: "Nobody without it may look or register; agents with the same settings are refused too.",
    find: whenCode(
      "UNAUTHENTICATED",
      ({ hasToken }) => !hasToken,
      ({ address, failure }) => ({
        what: `${address} refused a call without credentials: ${failure?.message}.`,
        fix: `weir check --server ${address} --token-file /etc/weir/token`,
      }),
    ),
  },
  {
    id: "token-rejected",
    severity: "error",
    title: "The token is not the one that the control plane knows",
    why: "Agents with the same token are refused as well: they serve on from what they last knew, and learn nothing new.",
    find: whenCode(
      "UNAUTHENTICATED",
      ({ hasToken }) => hasToken,
      ({ address, failure }) => ({
        what: `${address} did not accept the token: ${failure?.message}.`,
        fix: `weir check --server ${address} --token-file FILE    # the same content as the server's --token-file`,
      }),
    ),
  },
  {
    id: "permission-denied",
    severity: "error",
    title: "The caller may not do this",
    why: "It is known to the control plane, but not allowed to look at it as an operator.",
    find: whenCode(
      "PERMISSION_DENIED",
      () => true,
      ({ address, failure }) => ({
        what: `${address} refused: ${failure?.message}.`,
        fix: `weir check --server ${address} --token-file FILE    # of somebody who may`,
      }),
    ),
  },
  {
    id: "client-certificate-refused",
    severity: "error",
    title: "The control plane wants a client certificate, or another one",
    why: "The connection is cut right after the handshake; agents without a good one are cut off too.",
    find: whenCode("UNREACHABLE", isAboutClientCertificate, ({ address, failure }) => ({
      what: `${failure?.message}.`,
      fix: `weir check --server ${address} --ca ca.pem --cert client.pem --key client.key    # signed by the server's --tls-client-ca`,
    })),
  },
  {
    id: "credentials-unusable",
    severity: "error",
    title: "The CA, certificate, key or token of this command cannot be used",
    why: "Nothing was asked: the call ended before it began.",
    find: whenCode(
      "INVALID_ARGUMENT",
      () => true,
      ({ failure }) => ({
        what: `${failure?.message}.`,
        fix: "ls -l FILE && openssl x509 -noout -text -in FILE    # mend the file, or name another one with --ca, --cert, --key or --token-file",
      }),
    ),
  },
  {
    id: "admin-unreachable",
    severity: "warning",
    title: "The control plane's admin port does not answer",
    why: "Health checks of supervisors and Prometheus ask it; they will call a good server dead.",
    find: ({ adminPort }) => {
      if (adminPort === undefined) return undefined;
      const { address, port, isWeir } = adminPort;
      return onlyIf(!isWeir, () => ({
        subject: address,
        what: `The admin port ${address} does not answer as one: ${port.detail}.`,
        fix: `weir server --admin ${address}    # and let firewalls pass TCP ${portOf(address)}`,
      }));
    },
  },
  {
    id: "default-port-taken",
    severity: "error",
    title: "A port of the default set is in use by another program",
    why: "Weir cannot start there, or clients talk to somebody else.",
    find: ({ takenPorts }) =>
      takenPorts?.map(({ port, use, flag, detail }) => ({
        subject: `port ${port}`,
        what: `Another program answers on ${port}, ${use}: ${detail}.`,
        fix: `ss -ltnp 'sport = :${port}'    # end it, or: ${flag} 127.0.0.1:${port + 100}`,
      })),
  },
];

/** True when a rule of its own says what this failure is. */
function isExplained(target: TargetFacts, wallMs: number): boolean {
  const { failure, port } = target;
  if (failure === undefined) return true;
  const byCode = EXPLAINED_CODES.includes(failure.code);
  const byPort = port !== undefined && !["tls", "http2"].includes(port.kind);
  const isTlsMismatch = target.usesTls ? portIs(target, "http2") : portIs(target, "tls");
  // With a certificate to look at, the rules about certificates say it.
  const byCertificate =
    target.certificate !== undefined && isDistrusted(target.certificate, wallMs);
  const isKnown = byCode || byPort || isTlsMismatch || byCertificate;
  return isKnown || isAboutClientCertificate(target) || failure.code === "TIMEOUT";
}

/** As the connection says it after a handshake of its own. */
function isAboutClientCertificate({ failure }: TargetFacts): boolean {
  return /client('s)? certificate/.test(failure?.message ?? "");
}

/** Whether the rules about certificates have something to say of this failure. */
function isDistrusted(
  { hostProblem, trustProblem, ...of }: CertificateFacts,
  wallMs: number,
): boolean {
  const isOutOfTime = of.validUntilMs <= wallMs || of.validFromMs > wallMs;
  return isOutOfTime || hostProblem !== "" || trustProblem !== "";
}

function grpcFix({ address }: TargetFacts): string {
  return portOf(address) === portOf(DEFAULT_SERVER)
    ? `ss -ltnp 'sport = :${portOf(address)}'    # who is it? end it, or: weir server --listen 127.0.0.1:7500`
    : `weir check --server ${hostOf(address)}:${portOf(DEFAULT_SERVER)}`;
}

function reachFix({ address, port }: TargetFacts): string {
  switch (port?.kind) {
    case "no-host":
      return `getent hosts ${hostOf(address)}    # mend the name, or: weir check --server HOST:PORT`;
    case "timeout":
    case "unroutable":
      return `nc -vz ${hostOf(address)} ${portOf(address)}    # let firewalls pass it, or: weir check --server HOST:PORT`;
    default:
      return address === DEFAULT_SERVER
        ? "weir server --state-dir /var/lib/weir    # or: weir check --server HOST:PORT"
        : `weir server --listen ${address} --state-dir /var/lib/weir    # on that machine; or: weir check --server HOST:PORT`;
  }
}

/** Without the port. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}

export function portOf(address: string): string {
  return address.slice(address.lastIndexOf(":") + 1);
}
