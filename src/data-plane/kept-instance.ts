import type { Health } from "../core/model/instance.ts";
import type { RegistrationId } from "../core/model/names.ts";
import type { LeaseName, Registration } from "../ports/attach-source.ts";
import type { LocalInstance } from "./local-instance.ts";

/** The server refuses longer batches. */
export const MAX_BATCH = 1_000;

/**
 * - `starting`: no probe has answered yet; registering it would announce it as unhealthy.
 * - `away`: to be registered when a session is there.
 * - `sent`, `registered`: in the current session.
 * - `refused`: the server named a bad field; tried again slowly.
 * - `superseded`, `evicted`: final.
 */
export type KeptStatus =
  | "starting"
  | "away"
  | "sent"
  | "registered"
  | "refused"
  | "superseded"
  | "evicted";

/** A local instance and what became of its registration. */
export interface Kept {
  readonly local: LocalInstance;
  readonly registrationId: RegistrationId;
  generation: number;
  leaseToken: Uint8Array;
  health: Health;
  status: KeptStatus;
  /** In words: why it is refused, superseded, evicted or unhealthy. */
  detail: string;
  /** `ErrorInfo.reason` of the last refusal; `""` when there was none since it was registered. */
  reason: string;
}

/** One local instance, for admin pages and for who waits for it. */
export interface KeptView {
  readonly key: string;
  readonly registrationId: string;
  readonly generation: number;
  readonly health: Health;
  readonly status: KeptStatus;
  readonly detail: string;
  readonly reason: string;
}

export function newKept(local: LocalInstance, registrationId: string): Kept {
  return {
    local,
    registrationId: registrationId as RegistrationId,
    generation: 0,
    leaseToken: new Uint8Array(),
    health: local.probe === undefined ? "healthy" : "unhealthy",
    status: local.probe === undefined ? "away" : "starting",
    detail: "",
    reason: "",
  };
}

export function viewOf({
  local,
  registrationId,
  generation,
  health,
  status,
  detail,
  reason,
}: Kept): KeptView {
  return { key: local.key, registrationId, generation, health, status, detail, reason };
}

export function isInSession({ status }: Kept): boolean {
  return status === "sent" || status === "registered";
}

/** Whether a server may hold it, so that its end has to be said. */
export function isKnownToServers({ generation, status, leaseToken }: Kept): boolean {
  // What was wrong from the start is nowhere, and its goodbye would be as wrong.
  if (status === "refused" && leaseToken.length === 0) return false;
  return generation > 0 && status !== "superseded" && status !== "evicted";
}

export function leaseOf({ local, registrationId }: Kept): LeaseName {
  const { namespace, service, id } = local.instance;
  return { namespace, service, instanceId: id, registrationId };
}

export function registrationOf(kept: Kept): Registration {
  const { local, registrationId, generation, health, leaseToken } = kept;
  const instance = { ...local.instance, registrationId, generation, health };
  return { instance, defaults: local.defaults, leaseToken };
}

/** What to do about an instance that is not registered any more, for the log. */
export const END_ADVICE = {
  superseded:
    "another process registered this instance's id and holds it now; this one stops registering it: give one of them another id, then restart it",
  evicted:
    "an operator evicted this instance; it is not registered any more: restart its agent to bring it back",
} as const;
