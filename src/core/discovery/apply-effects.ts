import type { Endpoint } from "../model/endpoint.ts";
import type { RejectedEndpoint } from "./update.ts";

/** Collects what one update did. */
export interface Effects {
  changed: boolean;
  urgent: boolean;
  readonly rejected: RejectedEndpoint[];
  readonly draining: Endpoint[];
}

export function newEffects(): Effects {
  return { changed: false, urgent: false, rejected: [], draining: [] };
}

export function noteDraining(content: Endpoint | undefined, { draining }: Effects): void {
  if (content?.state === "draining") draining.push(content);
}

/**
 * What to hold after a server sent `endpoint` of a process whose `former` content is held; the same
 * object while nothing changed. The hash covers everything but the operator's revision: the highest one
 * that was seen counts, because a server that lost its disk begins anew, and others do not.
 */
export function newestOf(former: Endpoint | undefined, endpoint: Endpoint): Endpoint {
  if (former?.registrationId !== endpoint.registrationId) return endpoint;
  const { operatorRevision, hash } = former;
  if (operatorRevision < endpoint.operatorRevision) return endpoint;
  if (hash === endpoint.hash) return former;
  return operatorRevision === endpoint.operatorRevision
    ? endpoint
    : { ...endpoint, operatorRevision };
}

/** Whether `a` is an older process of the same id than `b`, as replicas order them; false when nobody said. */
export function isOlderProcess(a: Endpoint | undefined, b: Endpoint | undefined): boolean {
  if (a === undefined || b === undefined || a.registrationId === b.registrationId) return false;
  const [first, second] = [a.firstRegistered ?? 0, b.firstRegistered ?? 0];
  if (first === 0 || second === 0) return false;
  return first === second ? a.registrationId < b.registrationId : first < second;
}
