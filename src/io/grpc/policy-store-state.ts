import { PolicyStoreProblem, type PolicyStore as StoreMessage } from "../../gen/weir/v1/admin.ts";
import type { PolicyProblemKind, PolicyStoreState } from "../../ports/policy-store.ts";

/** Where policies are kept, in the API's words. */
export function policyStoreToWire(state: PolicyStoreState): StoreMessage {
  const { kind, where, isWritable, problem, problemKind = "other", copies } = state;
  return {
    kind,
    location: where,
    writable: isWritable,
    problem,
    problemKind:
      problem === "" ? PolicyStoreProblem.POLICY_STORE_PROBLEM_UNSPECIFIED : PROBLEMS[problemKind],
    copies: copies?.wanted ?? 0,
    currentCopies: copies?.current ?? 0,
    serverCount: copies?.serverCount ?? 0,
  };
}

/** The same, read. Notes for those who write policies come with their answers. */
export function policyStoreFromWire(message: StoreMessage): PolicyStoreState {
  const { kind, location, writable, problem, problemKind } = message;
  const known = Object.entries(PROBLEMS).find(([, code]) => code === problemKind)?.[0];
  return {
    kind: kind === "file" || kind === "nats" ? kind : "memory",
    where: location,
    isWritable: writable,
    problem,
    note: "",
    ...(problem !== "" && { problemKind: (known as PolicyProblemKind | undefined) ?? "other" }),
    ...(message.copies > 0 && {
      copies: {
        wanted: message.copies,
        current: message.currentCopies,
        serverCount: message.serverCount,
      },
    }),
  };
}

const PROBLEMS: Readonly<Record<PolicyProblemKind, PolicyStoreProblem>> = {
  other: PolicyStoreProblem.POLICY_STORE_PROBLEM_OTHER,
  disconnected: PolicyStoreProblem.POLICY_STORE_PROBLEM_DISCONNECTED,
  "no-jetstream": PolicyStoreProblem.POLICY_STORE_PROBLEM_NO_JETSTREAM,
  "no-quorum": PolicyStoreProblem.POLICY_STORE_PROBLEM_NO_QUORUM,
  replaced: PolicyStoreProblem.POLICY_STORE_PROBLEM_REPLACED,
  forbidden: PolicyStoreProblem.POLICY_STORE_PROBLEM_FORBIDDEN,
};
