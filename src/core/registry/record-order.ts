import type { RegistrationId } from "../model/names.ts";

/** What decides between two records of one instance, wherever they were written. */
export interface Ranked {
  readonly registrationId: RegistrationId;
  /** Counted by the client, at each attachment. */
  readonly generation: number;
  /** Counted by replicas, each time one takes it over from a dead one. */
  readonly adoption: number;
  /** Counted by operators' decisions. */
  readonly operatorRevision: number;
  /** When this process first registered anywhere. */
  readonly firstRegisteredHlc: number;
  /** The replica that keeps it. */
  readonly ownerId: string;
}

/**
 * Whether `a` counts more than `b`. For one process its client decides, by attaching: no clock is
 * asked. Between two processes the later first registration wins, and its id where times are equal,
 * so that all replicas agree.
 */
export function outranks(a: Ranked, b: Ranked): boolean {
  if (a.registrationId !== b.registrationId) {
    if (a.firstRegisteredHlc !== b.firstRegisteredHlc)
      return a.firstRegisteredHlc > b.firstRegisteredHlc;
    return a.registrationId > b.registrationId;
  }
  if (a.generation !== b.generation) return a.generation > b.generation;
  if (a.adoption !== b.adoption) return a.adoption > b.adoption;
  if (a.operatorRevision !== b.operatorRevision) return a.operatorRevision > b.operatorRevision;
  // One attachment at two owners, as after an answer that was lost: any choice will do, if all make the same.
  return a.ownerId > b.ownerId;
}
