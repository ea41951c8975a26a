import type { Endpoint, Removal } from "../model/endpoint.ts";
import type { RegistrationId } from "../model/names.ts";

/**
 * Per service: a fence is some 100 bytes, and only a lagging server ever sends what it
 * refuses. 10,000 outlast hours of constant redeployment; the oldest goes first.
 */
export const MAX_FENCES = 10_000;

interface Fence {
  /** `draining`: may be shown, not picked. `gone`: may not be shown. */
  readonly kind: "draining" | "gone";
  /** Only a higher operator revision lifts the fence. */
  readonly operatorRevision: number;
}

/**
 * What this agent saw leave: registrations that were drained, or removed for good. A
 * replica that lags behind, or a restart from disk, cannot send the agent back in time.
 *
 * An expiry fences nothing: the same process may come back by itself.
 */
export class Fences {
  #fences = new Map<RegistrationId, Fence>();
  readonly #limit: number;

  constructor(limit = MAX_FENCES) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#fences.size;
  }

  /** What the fence makes of an endpoint that a server sent. */
  judge(endpoint: Endpoint): "allowed" | "draining" | "gone" {
    const fence = this.#fences.get(endpoint.registrationId);
    if (fence === undefined || endpoint.operatorRevision > fence.operatorRevision) return "allowed";
    if (fence.kind === "draining" && endpoint.state === "draining") return "allowed";
    return fence.kind;
  }

  /** Remembers an accepted endpoint's drain, or forgets the fence that it was allowed to pass. */
  accepted(endpoint: Endpoint): void {
    const former = this.#fences.get(endpoint.registrationId);
    if (endpoint.state !== "draining") {
      if (former !== undefined) this.#fences.delete(endpoint.registrationId);
      return;
    }
    const operatorRevision = Math.max(endpoint.operatorRevision, former?.operatorRevision ?? 0);
    this.#set(endpoint.registrationId, { kind: "draining", operatorRevision });
  }

  /** Remembers the drain of an endpoint that is not routed to as it was sent, or that it was taken back. */
  saw(endpoint: Endpoint): void {
    if (this.judge(endpoint) === "allowed") this.accepted(endpoint);
  }

  /** @param held what the agent held of that registration; without it, nothing lifts the fence. */
  removed(removal: Removal, held: Endpoint | undefined): void {
    if (removal.reason === "expired" || removal.registrationId === "") return;
    const isSame = held !== undefined && held.registrationId === removal.registrationId;
    // Never below what was fenced before: a server that lost its disk counts from 0 again.
    const former = this.#fences.get(removal.registrationId)?.operatorRevision ?? 0;
    const operatorRevision = isSame
      ? Math.max(held.operatorRevision, former)
      : Number.MAX_SAFE_INTEGER;
    this.#set(removal.registrationId, { kind: "gone", operatorRevision });
  }

  #set(id: RegistrationId, fence: Fence): void {
    this.#fences.delete(id);
    this.#fences.set(id, fence);
    if (this.#fences.size <= this.#limit) return;
    const [oldest] = this.#fences.keys();
    if (oldest !== undefined) this.#fences.delete(oldest);
  }
}
