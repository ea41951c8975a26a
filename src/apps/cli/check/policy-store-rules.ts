import type { PolicyProblemKind, PolicyStoreState } from "../../../ports/policy-store.ts";
import { formatDuration } from "../duration.ts";
import type { CheckFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule, sentence } from "./rule.ts";

/** A majority of three survives the loss of one. */
const COPIES = 3;

/** A rule about policies in NATS; others have none of these troubles. */
function ofStore(
  find: (store: PolicyStoreState, facts: CheckFacts) => Found[] | undefined,
): Rule["find"] {
  return (facts) => {
    const store = facts.server?.policyStore;
    return store && (store.kind === "nats" ? find(store, facts) : []);
  };
}

function troubledBy(kind: PolicyProblemKind, fix: string): Rule["find"] {
  return ofStore(({ problemKind, problem, where }) =>
    onlyIf(problem !== "" && problemKind === kind, () => ({
      subject: `policies in ${where}`,
      what: sentence(problem),
      fix,
    })),
  );
}

/** Who leads the replicas is kept beside their policies. */
function leaderOf(policiesBucket: string): string {
  return policiesBucket.replace(/-policies$/, "-leader");
}

export const POLICY_STORE_RULES: readonly Rule[] = [
  {
    id: "jetstream-off",
    severity: "error",
    title: "JetStream is off, and policies are kept there",
    why: "Requests go on with the policies that each replica knows; nobody can change one, and a new replica knows none.",
    find: troubledBy(
      "no-jetstream",
      'jetstream { store_dir: "/var/lib/nats", sync_interval: always }    # in nats-server.conf of each server; then restart one after the other',
    ),
  },
  {
    id: "jetstream-no-quorum",
    severity: "error",
    title: "JetStream has no majority of its servers",
    why: "Requests go on with the policies that each replica knows; nobody can change one.",
    find: troubledBy(
      "no-quorum",
      "nats server report jetstream    # with an account of the system; start the servers that are missing: of three, two must be up",
    ),
  },
  {
    id: "policies-replaced",
    severity: "error",
    title: "The store of policies was made anew, or has lost what replicas know",
    why: "Replicas keep what they know rather than to forget it, and refuse changes until somebody decides.",
    find: troubledBy(
      "replaced",
      "mv STATE_DIR/policies-last-good . && weir policy import ./policies-last-good    # each replica stopped, moved, started; then import one of the copies",
    ),
  },
  {
    id: "policies-forbidden",
    severity: "error",
    title: "NATS forbids what it takes to keep policies",
    why: "Nobody can change a policy, and a new replica knows none.",
    find: ofStore(({ problemKind, problem, where }) =>
      onlyIf(problem !== "" && problemKind === "forbidden", () => ({
        subject: `policies in ${where}`,
        what: sentence(problem),
        fix: `permissions { publish: { allow: ["$JS.API.>", "$KV.${where}.>", "$KV.${leaderOf(where)}.>", "$JS.ACK.KV_${where}.>"] } }    # beside weir.CLUSTER.>, of that user in nats-server.conf; then: nats-server --signal reload`,
      })),
    ),
  },
  {
    id: "policies-read-only",
    severity: "error",
    title: "Policies cannot be changed, although NATS answers",
    why: "Requests go on with the policies that each replica knows; nobody can change one.",
    find: ofStore(({ problemKind, problem, where }, { cluster }) => {
      const isOther = problemKind === "other" || problemKind === "disconnected";
      // Without NATS at all there is one finding already.
      const isKnown = cluster?.bus?.isConnected === false;
      return onlyIf(problem !== "" && isOther && !isKnown, () => ({
        subject: `policies in ${where}`,
        what: sentence(problem),
        fix: `nats stream info KV_${where}    # what does NATS say of it? weir check looks again`,
      }));
    }),
  },
  {
    id: "policy-copies-few",
    severity: "warning",
    title: "Policies have fewer than three copies, and there are three NATS servers",
    why: "When the one server that keeps them is lost, so are the policies' history and every change.",
    find: ofStore(({ copies, where }) => {
      if (copies === undefined) return undefined;
      const { wanted, serverCount } = copies;
      return onlyIf(wanted < COPIES && serverCount >= COPIES, () => ({
        subject: `policies in ${where}`,
        what: `${wanted} of ${serverCount} NATS servers ${wanted === 1 ? "keeps" : "keep"} them.`,
        fix: `nats stream edit KV_${where} --replicas=3    # and no --policy-copies 1`,
      }));
    }),
  },
  {
    id: "policy-copies-behind",
    severity: "warning",
    title: "A NATS server that keeps policies is away or behind",
    why: "One failure more, and policies cannot be changed.",
    find: ofStore(({ copies, where, problem }) => {
      if (copies === undefined) return undefined;
      const { wanted, current } = copies;
      return onlyIf(problem === "" && current < wanted, () => ({
        subject: `policies in ${where}`,
        what: `${current} of ${wanted} copies are up to date.`,
        fix: `nats stream info KV_${where}    # which server is it? start it, or look at its log`,
      }));
    }),
  },
  {
    id: "nats-sync-interval",
    severity: "warning",
    title: "NATS does not write policies to disk at once",
    why: "When the machines lose power together, changes that were answered are gone: the default is two minutes.",
    find: ({ natsServers, server }) => {
      if (server?.policyStore !== undefined && server.policyStore.kind !== "nats") return [];
      const asked = natsServers?.filter(({ hasJetStream }) => hasJetStream);
      if (asked === undefined || asked.length === 0) return undefined;
      return asked
        .filter(({ syncsAlways }) => !syncsAlways)
        .map(({ address, version, syncIntervalMs }) => ({
          subject: `NATS ${address}`,
          what: syncsNever(version, syncIntervalMs),
          fix: "jetstream { sync_interval: always }    # in nats-server.conf of each server (2.10 or newer); then restart one after the other",
        }));
    },
  },
];

function syncsNever(version: string, syncIntervalMs: number | undefined): string {
  return syncIntervalMs === undefined
    ? `nats-server ${version} does not say that it writes to disk at once.`
    : `nats-server ${version} writes to disk every ${formatDuration(syncIntervalMs)}.`;
}
