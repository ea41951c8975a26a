import { bus, cluster, type Fault, natsServers, policies } from "./changes.ts";

const lost = { isConnected: false, rttMs: undefined, lastProblem: "the server said no" };

/** Faults of NATS, and of the policies in it. */
export const NATS_FAULTS: readonly Fault[] = [
  {
    id: "nats-unreachable",
    change: bus({ ...lost, lastProblemKind: "unreachable" }),
    says: /Not connected for 3m: the server said no\./,
    mends: /nc -vz 10\.0\.0\.9 4222/,
  },
  {
    id: "nats-unreachable",
    change: bus({ ...lost, lastProblem: "", server: "", lastProblemKind: undefined }),
    says: /has not answered yet/,
    mends: /nc -vz HOST 4222/,
  },
  {
    id: "nats-tls",
    change: bus({ ...lost, lastProblemKind: "tls" }),
    says: /no/,
    mends: /nats-ca/,
  },
  {
    id: "nats-auth",
    change: bus({ ...lost, lastProblemKind: "auth" }),
    says: /no/,
    mends: /--nats-creds/,
  },
  {
    id: "nats-protocol",
    change: bus({ ...lost, lastProblemKind: "protocol" }),
    says: /no/,
    mends: /8222/,
  },
  {
    id: "nats-permission",
    change: bus({ denied: [{ operation: "publish", subject: "weir.weir.v1.0.hb.x", fix: "" }] }),
    says: /may not publish 1 subject: weir\.weir\.v1/,
    mends: /allow: \["weir\.weir\.>"\].*--signal reload/,
  },
  {
    id: "nats-max-payload",
    change: bus({ maxPayloadBytes: 65_535 }),
    says: /65535 bytes/,
    mends: /max_payload: 1MB/,
  },
  {
    id: "nats-max-payload",
    severity: "error",
    change: bus({ maxPayloadBytes: 4_096 }),
    says: /4096 bytes/,
    mends: /max_payload: 1MB/,
  },
  { id: "nats-slow", change: bus({ rttMs: 80 }), says: /80ms/, mends: /NEARBY/ },
  {
    id: "nats-slow",
    severity: "error",
    change: bus({ rttMs: 1_500 }),
    says: /1\.5s/,
    mends: /NEARBY/,
  },
  {
    id: "nats-flapping",
    change: bus({ reconnectCount: 3, forMs: 4_000, lastProblem: "reset" }),
    says: /anew 3 times, last 4s ago: reset/,
    mends: /journalctl/,
  },
  {
    id: "nats-overload",
    change: bus({ lastProblemKind: "overload", lastProblem: "slow consumer" }),
    says: /3m ago: slow consumer/,
    mends: /write_deadline/,
  },
  {
    id: "nats-garbage",
    change: cluster({ garbageCount: 2 }),
    says: /2 messages/,
    mends: /nats sub 'weir\.weir\.>'/,
  },
  {
    id: "jetstream-off",
    change: policies({ problem: "it is off", problemKind: "no-jetstream" }),
    says: /It is off\./,
    mends: /jetstream \{/,
  },
  {
    id: "jetstream-no-quorum",
    change: policies({ problem: "no majority", problemKind: "no-quorum" }),
    says: /No majority/,
    mends: /server report jetstream/,
  },
  {
    id: "policies-replaced",
    change: policies({ problem: "made anew", problemKind: "replaced" }),
    says: /Made anew/,
    mends: /weir policy import/,
  },
  {
    id: "policies-forbidden",
    change: policies({ problem: "forbidden", problemKind: "forbidden" }),
    says: /Forbidden/,
    mends: /\$JS\.API\.>.*\$KV\.weir-policies\.>/,
  },
  {
    id: "policies-read-only",
    change: policies({ problem: "odd", problemKind: "other" }),
    says: /Odd/,
    mends: /stream info KV_weir-policies/,
  },
  {
    id: "policy-copies-few",
    change: policies({ copies: { wanted: 1, current: 1, serverCount: 3 } }),
    says: /1 of 3 NATS servers keeps/,
    mends: /stream edit KV_weir-policies --replicas=3/,
  },
  {
    id: "policy-copies-behind",
    change: policies({ copies: { wanted: 3, current: 2, serverCount: 3 } }),
    says: /2 of 3 copies/,
    mends: /stream info/,
  },
  {
    id: "nats-sync-interval",
    change: natsServers({ syncsAlways: false }),
    says: /2\.10\.7 writes to disk every 2m/,
    mends: /sync_interval: always/,
  },
  {
    id: "nats-sync-interval",
    change: natsServers({ syncsAlways: false, syncIntervalMs: undefined, version: "2.9.10" }),
    says: /2\.9\.10 does not say/,
    mends: /2\.10 or newer/,
  },
];
