import type { RemovalReason } from "../model/endpoint.ts";
import type { Instance } from "../model/instance.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import type { OperatorPart } from "./record.ts";

/**
 * Keeps what ended from coming back. `registration` fences a process for good
 * (deregistered, superseded, evicted); `generation` fences its attachments up to one, so
 * that an expired client comes back by attaching anew.
 */
export interface Fence {
  readonly serviceKey: ServiceKey;
  readonly instanceId: InstanceId;
  readonly registrationId: RegistrationId;
  readonly kind: "registration" | "generation";
  /** Highest generation that is fenced; meaningful with kind `generation`. */
  readonly generation: number;
  /**
   * Highest adoption of that generation that is fenced, 0 when left out: whom an adopter found alive
   * is not ended by what its former owner believed.
   */
  readonly adoption?: number;
  /** When it was fenced, in hybrid logical time. */
  readonly hlc: number;
  readonly reason: RemovalReason;
  /** Of a lease that ran out: what operators decided of the process still holds when it comes back. */
  readonly operator?: OperatorPart;
}

/** Longer than any client sleeps without noticing; 100,000 bound the memory to some 30 MB. */
export const FENCE_TTL_MS = 3_600_000;
export const MAX_FENCES = 100_000;

/** One attachment of a registration, at one owner. */
export interface Attachment {
  readonly registrationId: RegistrationId;
  readonly generation: number;
  readonly adoption: number;
}

/** Whether that attachment is over, wherever it is owned. */
export function isCovered(attachment: Attachment, fence: Fence): boolean {
  if (attachment.registrationId !== fence.registrationId) return false;
  if (fence.kind === "registration") return true;
  const { generation, adoption } = attachment;
  if (generation !== fence.generation) return generation < fence.generation;
  return adoption <= (fence.adoption ?? 0);
}

/** Its owner holds it no longer, and the reason is lost: only this attachment is over for certain. */
export function expiryOf(
  serviceKey: ServiceKey,
  ended: {
    readonly instance: Instance;
    readonly adoption: number;
    readonly firstRegisteredHlc: number;
  },
): Fence {
  const { id: instanceId, registrationId, generation } = ended.instance;
  const attachment = { registrationId, generation, adoption: ended.adoption };
  const cause = { kind: "generation", reason: "expired", hlc: ended.firstRegisteredHlc } as const;
  return { serviceKey, instanceId, ...attachment, ...cause };
}

export class Fences {
  /** Almost nobody who registers is fenced: his id alone says so, without a key made for it. */
  readonly #countById = new Map<InstanceId, number>();
  /** Oldest first: a Map keeps the order of insertion. */
  readonly #byRegistration = new Map<string, { readonly fence: Fence; readonly atMs: number }>();

  /**
   * What is known never gets weaker: an older word may come later, from a peer or from a disk.
   *
   * @param nowMs local monotonic time: fences are forgotten by age.
   */
  add(fence: Fence, nowMs: number): void {
    const key = fenceKey(fence.serviceKey, fence.instanceId, fence.registrationId);
    const known = this.#byRegistration.get(key)?.fence;
    const isWeaker = known !== undefined && isStronger(known, fence);
    const kept = isWeaker ? withDecision(known, fence) : withDecision(fence, known);
    if (kept === known) return;
    this.#delete(key);
    this.#byRegistration.set(key, { fence: kept, atMs: nowMs });
    this.#countById.set(fence.instanceId, (this.#countById.get(fence.instanceId) ?? 0) + 1);
    if (this.#byRegistration.size > MAX_FENCES) this.#dropOldest();
  }

  find(service: ServiceKey, id: InstanceId, registration: RegistrationId): Fence | undefined {
    if (!this.#countById.has(id)) return undefined;
    return this.#byRegistration.get(fenceKey(service, id, registration))?.fence;
  }

  forgetOlderThan(nowMs: number): void {
    for (const [key, { atMs }] of this.#byRegistration) {
      if (nowMs - atMs < FENCE_TTL_MS) return;
      this.#delete(key);
    }
  }

  get size(): number {
    return this.#byRegistration.size;
  }

  all(): Fence[] {
    return [...this.#byRegistration.values()].map(({ fence }) => fence);
  }

  #dropOldest(): void {
    for (const key of this.#byRegistration.keys()) {
      this.#delete(key);
      return;
    }
  }

  #delete(key: string): void {
    const id = this.#byRegistration.get(key)?.fence.instanceId;
    if (id === undefined) return;
    this.#byRegistration.delete(key);
    const count = this.#countById.get(id) ?? 0;
    if (count > 1) this.#countById.set(id, count - 1);
    else this.#countById.delete(id);
  }
}

/** The end of a process says more than the end of any attachment, and a later attachment more than an earlier one. */
function isStronger(a: Fence, b: Fence): boolean {
  if (a.kind !== b.kind) return a.kind === "registration";
  if (a.kind === "registration") return false;
  if (a.generation !== b.generation) return a.generation > b.generation;
  const [adoptionOfA, adoptionOfB] = [a.adoption ?? 0, b.adoption ?? 0];
  return adoptionOfA > adoptionOfB;
}

/** What operators decided last is not forgotten with the attachment that it was told of. */
function withDecision(fence: Fence, other: Fence | undefined): Fence {
  const isNewer = (other?.operator?.revision ?? 0) > (fence.operator?.revision ?? 0);
  if (!isNewer || other?.operator === undefined || fence.kind === "registration") return fence;
  return { ...fence, operator: other.operator };
}

function fenceKey(service: ServiceKey, id: InstanceId, registration: RegistrationId): string {
  return `${service}/${id}/${registration}`;
}
