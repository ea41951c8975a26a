import {
  type Digest,
  digestAdd,
  digestRemove,
  digestsEqual,
  EMPTY_DIGEST,
} from "../model/digest.ts";
import type { Endpoint, Removal } from "../model/endpoint.ts";
import type { InstanceId, RegistrationId } from "../model/names.ts";
import {
  type Effects,
  isOlderProcess,
  newEffects,
  newestOf,
  noteDraining,
} from "./apply-effects.ts";
import type { ApplyResult } from "./apply-result.ts";
import { Fences } from "./fences.ts";
import { type Collected, SnapshotChunks } from "./snapshot-chunks.ts";
import type { EndpointsUpdate, ResumeToken } from "./update.ts";
import { whyUnusable } from "./usable-endpoint.ts";

/** Far above any service that one agent balances over (40 MB of endpoints); more is a fault of the server. */
export const MAX_ENDPOINTS = 100_000;

/** One mismatch may be a race that the next update repairs; two in a row are not. */
const MISMATCHES_UNTIL_ALARM = 2;

interface Slot {
  /** As the server lists it, also when it was rejected, fenced or held; `undefined` when it does not. */
  listed: Endpoint | undefined;
  /** What is routed to; `undefined` when the first content was unusable or fenced. */
  readonly content: Endpoint | undefined;
  /** What an unsettled server does not list, or lists an older process of, stays: a settled answer decides. */
  isHeld: boolean;
}

/**
 * One service's endpoints as an agent holds them.
 *
 * Two sets live here: what the server listed (the digest counts it, version names it),
 * and what the agent routes to. They differ by what was rejected, what is fenced, and what
 * an unsettled server did not list: that stays until a settled answer comes.
 */
export class EndpointSet {
  readonly #slots = new Map<InstanceId, Slot>();
  readonly #fences: Fences;
  #digest: Digest = EMPTY_DIGEST;
  #cursor: { readonly epoch: number; readonly version: number } | undefined;
  readonly #chunks = new SnapshotChunks(MAX_ENDPOINTS);
  #mismatchCount = 0;
  #heldCount = 0;
  #endpoints: readonly Endpoint[] | undefined;

  constructor(fences: Fences = new Fences()) {
    this.#fences = fences;
  }

  /** What may be routed to, held ones included; the same array until something changes. */
  endpoints(): readonly Endpoint[] {
    if (this.#endpoints === undefined) {
      const list: Endpoint[] = [];
      for (const { content } of this.#slots.values()) if (content !== undefined) list.push(content);
      this.#endpoints = list;
    }
    return this.#endpoints;
  }

  /** How many endpoints stay, or stay as they are, only because the server is not settled. */
  get heldCount(): number {
    return this.#heldCount;
  }

  /** The version of the last applied update; `undefined` before the first. */
  get version(): number | undefined {
    return this.#cursor?.version;
  }

  /** What to subscribe with; `undefined` when the server has to send everything. */
  resumeToken(): ResumeToken | undefined {
    return this.#cursor && { ...this.#cursor, digest: this.#digest };
  }

  /** Forgets the position, not the endpoints: the next answer is a snapshot. */
  forgetPosition(): void {
    this.#cursor = undefined;
    this.#chunks.forget();
    // What comes now is judged anew: a snapshot of several chunks must not be asked for again at its first.
    this.#mismatchCount = 0;
  }

  /** Starts from what was saved: only for a set without any answer yet. */
  restore(endpoints: readonly Endpoint[], resume: ResumeToken | undefined): void {
    const effects = newEffects();
    for (const endpoint of endpoints.slice(0, MAX_ENDPOINTS)) this.#upsert(endpoint, true, effects);
    this.#endpoints = undefined;
    // A token that does not describe what was read would make the server send deltas to the wrong base.
    if (resume !== undefined && digestsEqual(resume.digest, this.#digest)) {
      this.#cursor = { epoch: resume.epoch, version: resume.version };
    }
  }

  /** @param epoch of the server that sent the update: versions compare within one epoch. */
  apply(update: EndpointsUpdate, epoch: number): ApplyResult {
    const effects = newEffects();
    if (update.kind !== "snapshot") this.#chunks.forget();
    switch (update.kind) {
      case "pending":
        return this.#result("kept", effects);
      case "resumed":
        for (const { content } of this.#slots.values()) noteDraining(content, effects);
        break;
      case "delta":
        if (this.#cursor?.version !== update.fromVersion || this.#cursor.epoch !== epoch) {
          return this.#result("out-of-step", effects);
        }
        this.#merge(update, update.settled, effects);
        break;
      case "snapshot": {
        const collected = this.#chunks.add(update);
        if (collected === undefined) return this.#result("out-of-step", effects);
        if (!update.isLastChunk) return this.#result("collected", effects);
        this.#chunks.forget();
        this.#replace(collected, update.settled, effects);
        break;
      }
      case "absent":
        this.#unlistExcept(new Set());
        this.#merge({ upserts: [], removals: update.removals }, update.settled, effects);
        break;
    }
    if (update.settled) this.#dropHeld(effects);
    if (effects.changed) this.#endpoints = undefined;
    this.#cursor = { epoch, version: update.version };
    this.#verify(update);
    return this.#result("applied", effects);
  }

  #replace(collected: Collected, settled: boolean, effects: Effects): void {
    this.#unlistExcept(new Set(collected.upserts.map(({ id }) => id)));
    this.#merge(collected, settled, effects);
  }

  /** An explicit removal has a cause, so it counts whether or not the server is settled. */
  #merge(
    { upserts, removals }: Pick<EndpointsUpdate, "upserts" | "removals">,
    settled: boolean,
    effects: Effects,
  ): void {
    const upserted = new Map<InstanceId, RegistrationId>();
    for (const upsert of upserts) {
      upserted.set(upsert.id, upsert.registrationId);
      this.#upsert(upsert, settled, effects);
    }
    for (const removal of removals) {
      const winner = upserted.get(removal.id);
      if (winner === undefined) this.#remove(removal, effects);
      // An upsert wins over the removal of the process that it replaces.
      else if (winner !== removal.registrationId) this.#fences.removed(removal, undefined);
    }
  }

  #upsert(endpoint: Endpoint, settled: boolean, effects: Effects): void {
    const former = this.#slots.get(endpoint.id);
    if (former !== undefined) this.#uncount(former);
    const isHeld = !settled && isOlderProcess(endpoint, former?.content);
    const content = isHeld ? former?.content : this.#contentOf(endpoint, former?.content, effects);
    this.#slots.set(endpoint.id, { listed: endpoint, content, isHeld });
    if (isHeld) this.#heldCount++;
    this.#digest = digestAdd(this.#digest, endpoint.hash);
    // Also when it was rejected, fenced or held: the server waits for a word about each one that drains.
    if (content !== endpoint) this.#fences.saw(endpoint);
    noteDraining(content?.state === "draining" ? content : endpoint, effects);
    if (content === former?.content) return;
    if (isOlderProcess(former?.content, endpoint)) this.#fence(former?.content);
    effects.changed = true;
    const wasDraining = former?.content?.state === "draining";
    effects.urgent ||= content === undefined || (content.state === "draining" && !wasDraining);
  }

  /** What to route to after the server sent `endpoint`. */
  #contentOf(
    endpoint: Endpoint,
    former: Endpoint | undefined,
    effects: Effects,
  ): Endpoint | undefined {
    const isSameProcess = former?.registrationId === endpoint.registrationId;
    const reason = whyUnusable(endpoint);
    if (reason !== undefined) {
      effects.rejected.push({ id: endpoint.id, reason });
      // A drain counts even when the rest of the content is of no use.
      const drains = isSameProcess && endpoint.state === "draining";
      return drains && former !== undefined ? { ...former, state: "draining" } : former;
    }
    switch (this.#fences.judge(endpoint)) {
      case "gone":
        return isSameProcess ? undefined : former;
      case "draining":
        return isSameProcess && former?.state === "draining"
          ? former
          : { ...endpoint, state: "draining" };
      case "allowed":
        this.#fences.accepted(endpoint);
        return newestOf(former, endpoint);
    }
  }

  /** It can come back from no replica that is behind. */
  #fence(former: Endpoint | undefined): void {
    if (former !== undefined) this.#fences.removed({ ...former, reason: "superseded" }, undefined);
  }

  #remove(removal: Removal, effects: Effects): void {
    const slot = this.#slots.get(removal.id);
    this.#fences.removed(removal, slot?.content);
    if (slot === undefined) return;
    const { listed, content } = slot;
    if (content?.registrationId !== removal.registrationId) {
      // One that this server did not list may be a newer process than the one that left.
      if (listed === undefined) return;
      // Or it is behind, and lists an older one: that this one left says nothing of the newer.
      if (isOlderProcess(listed, content)) {
        this.#unlist(removal.id, slot);
        return;
      }
      // The id is gone, also when this agent never heard of the process that held it last: so is the one before.
      this.#fence(content);
    }
    this.#delete(removal.id, slot);
    effects.changed = true;
    effects.urgent = true;
  }

  #delete(id: InstanceId, slot: Slot): void {
    this.#slots.delete(id);
    this.#uncount(slot);
  }

  #uncount({ listed, isHeld }: Slot): void {
    if (listed !== undefined) this.#digest = digestRemove(this.#digest, listed.hash);
    if (isHeld) this.#heldCount--;
  }

  #unlistExcept(kept: ReadonlySet<InstanceId>): void {
    for (const [id, slot] of this.#slots) {
      if (slot.listed !== undefined && !kept.has(id)) this.#unlist(id, slot);
    }
  }

  #unlist(id: InstanceId, slot: Slot): void {
    this.#uncount(slot);
    if (slot.content === undefined) {
      this.#slots.delete(id);
      return;
    }
    slot.listed = undefined;
    slot.isHeld = true;
    this.#heldCount++;
  }

  #dropHeld(effects: Effects): void {
    if (this.#heldCount === 0) return;
    for (const [id, slot] of this.#slots) {
      if (slot.listed === undefined) this.#delete(id, slot);
      else if (slot.isHeld) this.#upsert(slot.listed, true, effects);
    }
    effects.changed = true;
    effects.urgent = true;
  }

  #verify({ kind, digest }: EndpointsUpdate): void {
    // The server says `resumed` after comparing digests itself.
    const matches = kind === "resumed" || digestsEqual(digest, this.#digest);
    this.#mismatchCount = matches ? 0 : this.#mismatchCount + 1;
  }

  #result(outcome: ApplyResult["outcome"], effects: Effects): ApplyResult {
    const digestMismatch = this.#mismatchCount >= MISMATCHES_UNTIL_ALARM;
    return { outcome, ...effects, digestMismatch, held: this.#heldCount > 0 };
  }
}
