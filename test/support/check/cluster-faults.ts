import { agents, type Change, cluster, type Fault, member } from "./changes.ts";
import { aCluster, aMember } from "./cluster.ts";

/** The one replica on this machine, and an agent on another one. */
const onLoopback: Change = (well) => ({
  ...agents({ id: "far", peer: "10.0.0.7:40000" })(well),
  cluster: aCluster({
    members: aCluster().members.map((one) => ({
      ...one,
      address: one.isSelf ? "127.0.0.1:7400" : "",
      state: one.isSelf ? ("alive" as const) : ("left" as const),
    })),
    bus: undefined,
  }),
});

/** Faults of the replicas of a cluster. */
export const CLUSTER_FAULTS: readonly Fault[] = [
  {
    id: "replica-id-twice",
    change: cluster({ identity: "duplicate" }),
    says: /calls itself one and is older/,
    mends: /--replica-id one-2/,
  },
  {
    id: "replica-id-twice",
    change: cluster({ identity: "fenced" }),
    says: /newer/,
    mends: /--replica-id one-2/,
  },
  {
    id: "cluster-isolated",
    change: member({ isIsolated: true }),
    says: /isolated/,
    mends: /weir members --server 10\.0\.0\.2:7400/,
  },
  {
    id: "cluster-alone",
    change: cluster({ members: aCluster().members.slice(0, 1) }),
    says: /No other replica/,
    mends: /weir server --cluster weir --nats nats:\/\/10\.0\.0\.9:4222/,
  },
  {
    id: "member-dead",
    change: cluster({
      members: [...aCluster().members, aMember({ id: "x", state: "dead", silentMs: 60_000 })],
    }),
    says: /1m ago/,
    mends: /systemctl restart/,
  },
  {
    id: "member-suspect",
    change: member({ state: "suspect", silentMs: 7_000 }),
    says: /7s ago/,
    mends: /check --wait 60s/,
  },
  {
    id: "member-digest",
    change: member({ digest: "differs" }),
    says: /at sequence 40/,
    mends: /check --wait 60s/,
  },
  { id: "member-behind", change: member({ lag: 2_000 }), says: /2000/, mends: /weir members/ },
  {
    id: "member-clock",
    change: member({ clockOffsetMs: -1_500 }),
    says: /1\.5s behind/,
    mends: /set-ntp/,
  },
  {
    id: "member-clock",
    severity: "error",
    change: member({ clockOffsetMs: 9_000 }),
    says: /9s ahead/,
    mends: /set-ntp/,
  },
  {
    id: "member-refused",
    change: member({ quarantinedCount: 3 }),
    says: /3 of its records/,
    mends: /set-ntp.*10\.0\.0\.2/,
  },
  {
    id: "member-version-skew",
    change: member({ softwareVersion: "1.10.0" }),
    says: /runs 1\.10\.0; .* runs 1\.0\.0/,
    mends: /weir-mesh@1\.10\.0/,
  },
  {
    id: "advertise-missing",
    change: member({ address: "" }),
    says: /without --advertise/,
    mends: /weir server --advertise/,
  },
  {
    id: "advertise-loopback",
    change: member({ address: "localhost:7400" }),
    says: /localhost:7400, but replica one is at 10\.0\.0\.1:7400/,
    mends: /--advertise ADDRESS/,
  },
  {
    id: "advertise-loopback",
    change: onLoopback,
    says: /127\.0\.0\.1:7400, but agent far connects from 10\.0\.0\.7:40000/,
    mends: /--advertise ADDRESS/,
  },
  {
    id: "advertise-twice",
    change: member({ address: "10.0.0.1:7400" }),
    says: /one, two/,
    mends: /its own for each/,
  },
];
