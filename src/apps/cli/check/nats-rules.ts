import type { BusSummary, ClusterSummary } from "../../../ports/cluster-api.ts";
import { formatDuration } from "../duration.ts";
import { counted } from "../output.ts";
import { type Found, onlyIf, type Rule, sentence, someOf } from "./rule.ts";

/** A chunk of a pull is a quarter of a megabyte when it may be; below this even ordinary batches are cut small. */
const SMALL_PAYLOAD_BYTES = 64 * 1024;

/** A record with all the metadata that it may have does not fit any more. */
const TINY_PAYLOAD_BYTES = 16 * 1024;

/** Within a region it is below 5 ms; an update waits for it twice. */
const RTT_WARNING_MS = 50;

/** A heartbeat every second: a few round trips later its sender is suspected. */
const RTT_ERROR_MS = 1_000;

/** So many reconnects, the last one a moment ago, are no restart. */
const FLAPS = 3;
const A_MOMENT_MS = 5 * 60_000;

/** What a heartbeat could miss is over then. */
const OVERLOAD_KEPT_MS = 10 * 60_000;

type BusCheck = (bus: BusSummary, cluster: ClusterSummary) => Found[];

/** A rule about the connection to NATS; a server that runs alone has none, and so no fault of it. */
function ofBus(find: BusCheck): Rule["find"] {
  return ({ cluster }) => cluster && (cluster.bus === undefined ? [] : find(cluster.bus, cluster));
}

/** While there is no connection: the reason that was heard last. */
function lostBy(...kinds: readonly BusSummary["lastProblemKind"][]): (bus: BusSummary) => boolean {
  return ({ isConnected, lastProblemKind }) => !isConnected && kinds.includes(lastProblemKind);
}

function lost({ server, forMs, lastProblem }: BusSummary): Pick<Found, "subject" | "what"> {
  const why = lastProblem === "" ? "it has not answered yet" : lastProblem;
  return {
    subject: `NATS ${server}`.trimEnd(),
    what: sentence(`not connected for ${formatDuration(forMs)}: ${why}`),
  };
}

/** `host port`, as `nc` takes them. */
function hostAndPort({ server }: BusSummary): string {
  const url = URL.parse(server);
  return url === null ? "HOST 4222" : `${url.hostname} ${url.port || "4222"}`;
}

export const NATS_RULES: readonly Rule[] = [
  {
    id: "nats-unreachable",
    severity: "error",
    title: "NATS does not answer",
    why: "Replicas do not hear each other: what registers at one is unknown to the others' agents until NATS is back.",
    find: ofBus((bus) =>
      onlyIf(lostBy("unreachable", "overload", "unknown", undefined)(bus), () => ({
        ...lost(bus),
        fix: `nc -vz ${hostAndPort(bus)}    # from the server's machine; start nats-server there, or name others: weir server --nats nats://HOST:4222`,
      })),
    ),
  },
  {
    id: "nats-tls",
    severity: "error",
    title: "NATS and the control plane do not agree about TLS",
    why: "The connection ends before it begins; replicas do not hear each other.",
    find: ofBus((bus) =>
      onlyIf(lostBy("tls")(bus), () => ({
        ...lost(bus),
        fix: "weir server --nats tls://HOST:4222 --nats-ca ca.pem    # with --nats-cert and --nats-key where NATS asks for a certificate",
      })),
    ),
  },
  {
    id: "nats-auth",
    severity: "error",
    title: "NATS does not know the control plane",
    why: "It is refused at each attempt; replicas do not hear each other.",
    find: ofBus((bus) =>
      onlyIf(lostBy("auth")(bus), () => ({
        ...lost(bus),
        fix: "weir server --nats-creds FILE    # or --nats-nkey, --nats-user with --nats-password-file, --nats-token-file: what nats-server.conf knows",
      })),
    ),
  },
  {
    id: "nats-protocol",
    severity: "error",
    title: "What answers for NATS is no NATS server",
    why: "Replicas do not hear each other.",
    find: ofBus((bus) =>
      onlyIf(lostBy("protocol")(bus), () => ({
        ...lost(bus),
        fix: "weir server --nats nats://HOST:4222    # its client port, not the one for monitoring (8222) or routes (6222)",
      })),
    ),
  },
  {
    id: "nats-permission",
    severity: "error",
    title: "NATS forbids a subject that replicas need",
    why: "One of them is not heard, does not hear, or cannot ask for what it missed.",
    find: ofBus(({ denied }, { name }) =>
      (["publish", "subscribe"] as const).flatMap((operation) => {
        const subjects = denied.filter((one) => one.operation === operation);
        return onlyIf(subjects.length > 0, () => ({
          subject: `NATS ${operation}`,
          what: `It may not ${operation} ${counted(subjects.length, "subject")}: ${someOf(subjects.map(({ subject }) => subject))}.`,
          fix: `permissions { publish: { allow: ["weir.${name}.>"] }, subscribe: { allow: ["weir.${name}.>"] } }    # of that user in nats-server.conf; then: nats-server --signal reload`,
        }));
      }),
    ),
  },
  {
    id: "nats-max-payload",
    severity: "warning",
    title: "NATS takes only small messages (below 64 KiB; error: below 16 KiB)",
    why: "Updates travel in many small pieces; a record that does not fit into one never reaches the other replicas.",
    find: ofBus(({ maxPayloadBytes, server }) =>
      onlyIf(maxPayloadBytes > 0 && maxPayloadBytes < SMALL_PAYLOAD_BYTES, () => ({
        subject: `NATS ${server}`,
        severity: maxPayloadBytes < TINY_PAYLOAD_BYTES ? "error" : "warning",
        what: `Its max_payload is ${maxPayloadBytes} bytes.`,
        fix: "max_payload: 1MB    # in nats-server.conf of each server; then: nats-server --signal reload",
      })),
    ),
  },
  {
    id: "nats-slow",
    severity: "warning",
    title: "A round trip to NATS takes more than 50 ms (error: 1 s)",
    why: "Each change reaches the other replicas that much later, and replicas suspect each other sooner.",
    find: ofBus(({ rttMs, server }) => {
      if (rttMs === undefined || rttMs <= RTT_WARNING_MS) return [];
      return [
        {
          subject: `NATS ${server}`,
          severity: rttMs > RTT_ERROR_MS ? "error" : "warning",
          what: `The last round trip took ${formatDuration(rttMs)}.`,
          fix: "weir server --nats nats://NEARBY:4222    # a NATS server beside each replica, in one NATS cluster; `top` there says whether it has a core of its own",
        },
      ];
    }),
  },
  {
    id: "nats-flapping",
    severity: "warning",
    title: "The connection to NATS breaks again and again",
    why: "What is sent meanwhile is lost, and everything has to be compared anew each time.",
    find: ofBus(({ isConnected, reconnectCount, forMs, lastProblem, server }) =>
      onlyIf(isConnected && reconnectCount >= FLAPS && forMs < A_MOMENT_MS, () => ({
        subject: `NATS ${server}`,
        what: sentence(
          `it was connected anew ${reconnectCount} times, last ${formatDuration(forMs)} ago: ${lastProblem}`,
        ),
        fix: "journalctl -u nats-server --since -1h | grep -iE 'slow consumer|stale|closed'    # its side of the story",
      })),
    ),
  },
  {
    id: "nats-overload",
    severity: "warning",
    title: "NATS cut the control plane off because it did not keep up",
    why: "What was on the way is lost and pulled anew, which is more work still.",
    find: ofBus(({ isConnected, lastProblemKind, lastProblem, forMs, server }) =>
      onlyIf(isConnected && lastProblemKind === "overload" && forMs < OVERLOAD_KEPT_MS, () => ({
        subject: `NATS ${server}`,
        what: sentence(`${formatDuration(forMs)} ago: ${lastProblem}`),
        fix: 'write_deadline: "10s"    # in nats-server.conf, and a core of its own for the control plane',
      })),
    ),
  },
  {
    id: "nats-garbage",
    severity: "warning",
    title: "Messages arrive on the cluster's subjects that replicas cannot read",
    why: "Somebody else uses these subjects, or a replica of another version is not understood.",
    find: ofBus((_bus, { garbageCount, name }) =>
      onlyIf(garbageCount > 0, () => ({
        subject: `cluster ${name}`,
        what: `${counted(garbageCount, "message")} could not be read since the start.`,
        fix: `nats sub 'weir.${name}.>' --headers-only    # who is it? Clusters that share a NATS need names of their own: weir server --cluster NAME`,
      })),
    ),
  },
];
