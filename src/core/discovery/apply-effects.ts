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

/** The hash covers everything but the operator's revision. */
export function isSameContent(a: Endpoint, b: Endpoint): boolean {
  return (
    a.hash === b.hash &&
    a.registrationId === b.registrationId &&
    a.operatorRevision === b.operatorRevision
  );
}

/** Whether `a` is an older process of the same id than `b`, as replicas order them; false when nobody said. */
export function isOlderProcess(a: Endpoint, b: Endpoint): boolean {
  if (a.registrationId === b.registrationId) return false;
  const [first, second] = [a.firstRegistered ?? 0, b.firstRegistered ?? 0];
  if (first === 0 || second === 0) return false;
  return first === second ? a.registrationId < b.registrationId : first < second;
}
