import { ErrorCode, NatsError } from "nats";
import type { BusProblem } from "../../ports/bus.ts";
import type { PolicyProblemKind } from "../../ports/policy-store.ts";
import { permissionFix } from "./nats-problem.ts";
import { TooLateError } from "./within-time.ts";

/** What stands in the way of policies in JetStream. */
export interface PolicyTrouble {
  readonly kind: PolicyProblemKind;
  /** What happened, why, and what to do. */
  readonly message: string;
}

/** Errors of JetStream by their number. Source: nats-server, server/errors.json. */
const NOT_ENABLED_FOR_ACCOUNT = 10039;
const NOT_ENABLED = 10076;
const NOT_CLUSTERED = 10074;
/** No peers with room; system unavailable; not the leader. */
const WITHOUT_QUORUM: ReadonlySet<number> = new Set([10005, 10008, 10009]);

const NO_JETSTREAM: PolicyTrouble = {
  kind: "no-jetstream",
  message:
    'JetStream is off: add `jetstream { store_dir: "FOLDER" }` to the configuration of the NATS servers, and to the account when accounts are used',
};

const NO_QUORUM: PolicyTrouble = {
  kind: "no-quorum",
  message:
    "JetStream does not answer: a majority of its servers must be up and know each other (`nats server report jetstream`)",
};

/** What a failure of JetStream means, over a connection that works. */
export function policyTrouble(error: unknown): PolicyTrouble {
  if (error instanceof TooLateError) return NO_QUORUM;
  if (!(error instanceof NatsError)) return { kind: "other", message: String(error) };
  const { code, api_error: apiError, message } = error;
  const number = apiError?.err_code ?? 0;
  if (number === NOT_ENABLED || number === NOT_ENABLED_FOR_ACCOUNT) return NO_JETSTREAM;
  if (number === NOT_CLUSTERED) {
    return {
      kind: "other",
      message:
        "a NATS server alone keeps one copy only: start with --policy-copies 1, or make NATS a cluster of three",
    };
  }
  if (WITHOUT_QUORUM.has(number) || code === ErrorCode.Timeout) return NO_QUORUM;
  if (apiError === undefined && code === ErrorCode.NoResponders) return NO_JETSTREAM;
  if (code === ErrorCode.PermissionsViolation) {
    const { operation, subject } = error.permissionContext ?? {
      operation: "publish",
      subject: "$JS.API.>",
    };
    return forbidden(operation === "subscription" ? "subscribe" : "publish", subject);
  }
  return { kind: "other", message };
}

/** What NATS does not let us do. */
export function forbidden(operation: "publish" | "subscribe", subject: string): PolicyTrouble {
  const fix = permissionFix(operation, subject);
  return { kind: "forbidden", message: `NATS forbids to ${operation} ${subject}: ${fix}` };
}

/** Why there is no connection. */
export function withoutConnection({ message }: Pick<BusProblem, "message">): PolicyTrouble {
  return { kind: "disconnected", message };
}
