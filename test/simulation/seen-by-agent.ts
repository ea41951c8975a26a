import { isOlderProcess } from "../../src/core/discovery/apply-effects.ts";
import type { Endpoint, Removal } from "../../src/core/model/endpoint.ts";
import type { ServiceKey } from "../../src/core/model/names.ts";

/**
 * What one process of an agent has been told of drains and ends, kept apart from the agent's own
 * fences: by this it is judged.
 */
export class SeenByAgent {
  /** Operator revision at which a registration was seen draining. */
  readonly #draining = new Map<string, number>();
  /** Operator revision that only a higher one brings back. */
  readonly #gone = new Map<string, number>();
  /** As it was seen last: a replica without its disk counts from 0 again. */
  readonly #revisions = new Map<string, number>();
  /** What each id was last, by service and id; and what was replaced there by a newer process. */
  readonly #last = new Map<string, Endpoint>();
  readonly #replaced = new Set<string>();

  endpoint(key: ServiceKey, endpoint: Endpoint): void {
    const { registrationId, operatorRevision, state } = endpoint;
    const name = `${key}/${endpoint.id}`;
    const last = this.#last.get(name);
    if (last !== undefined && isOlderProcess(last, endpoint)) {
      this.#replaced.add(last.registrationId);
    }
    this.#last.set(name, endpoint);
    this.#revisions.set(registrationId, operatorRevision);
    const gone = this.#gone.get(registrationId);
    if (gone !== undefined && operatorRevision > gone) this.#gone.delete(registrationId);
    const drained = this.#draining.get(registrationId);
    if (state === "draining") {
      this.#draining.set(registrationId, Math.max(drained ?? 0, operatorRevision));
    } else if (drained !== undefined && operatorRevision > drained) {
      this.#draining.delete(registrationId);
    }
  }

  /** Upserts of the same update win over the removal of their own registration. */
  removals(removals: readonly Removal[], upserts: readonly Endpoint[]): void {
    for (const { registrationId, reason } of removals) {
      if (reason === "expired") continue;
      if (upserts.some((endpoint) => endpoint.registrationId === registrationId)) continue;
      const seen = this.#revisions.get(registrationId) ?? 0;
      this.#gone.set(registrationId, Math.max(seen, this.#draining.get(registrationId) ?? 0));
    }
  }

  /** It saw a newer process in its place. */
  wasReplaced({ registrationId }: Endpoint): boolean {
    return this.#replaced.has(registrationId);
  }

  /** Why an endpoint that an agent holds may not be picked; `undefined` when it may. */
  whyNotSelectable({ registrationId, state }: Endpoint): string | undefined {
    if (this.#gone.has(registrationId)) return "whose end it has seen";
    if (state !== "draining" && this.#draining.has(registrationId))
      return "whose drain it has seen";
    return undefined;
  }
}
