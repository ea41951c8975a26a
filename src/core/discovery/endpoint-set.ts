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
import type { EndpointsUpdate, ResumeToken } from "./update.ts";
import { whyUnusable } from "./usable-endpoint.ts";

/** Far above any service that one agent balances over (40 MB of endpoints); more is a fault of the server. */
export const MAX_ENDPOINTS = 100_000;

/** One mismatch may be a race that the next update repairs; two in a row are not. */
const MISMATCHES_UNTIL_ALARM = 2;

interface Slot {
  /** As the server lists it; after a rejected update, `content` may be another process. */
  readonly registrationId: RegistrationId;
  readonly hash: bigint;
  /** What is routed to; `undefined` when the first content was unusable or fenced. */
  content: Endpoint | undefined;
  /** False when an unsettled server does not list it and absence proves nothing. */
  isListed: boolean;
  /** What an unsettled server lists although it is older than `content`: a settled answer decides. */
  older: Endpoint | undefined;
}

interface Collecting {
  readonly version: number;
  nextChunk: number;
  readonly upserts: Endpoint[];
  readonly removals: Removal[];
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
  #collecting: Collecting | undefined;
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
    this.#collecting = undefined;
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
    if (update.kind !== "snapshot") this.#collecting = undefined;
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
        const collected = this.#collect(update);
        if (collected === undefined) return this.#result("out-of-step", effects);
        if (!update.isLastChunk) return this.#result("collected", effects);
        this.#collecting = undefined;
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

  #collect(update: EndpointsUpdate): Collecting | undefined {
    if (update.chunk === 0) {
      this.#collecting = { version: update.version, nextChunk: 0, upserts: [], removals: [] };
    }
    const collecting = this.#collecting;
    if (collecting?.version !== update.version || collecting.nextChunk !== update.chunk) {
      return undefined;
    }
    if (collecting.upserts.length + update.upserts.length > MAX_ENDPOINTS) {
      this.#collecting = undefined;
      return undefined;
    }
    collecting.nextChunk++;
    for (const upsert of update.upserts) collecting.upserts.push(upsert);
    for (const removal of update.removals) collecting.removals.push(removal);
    return collecting;
  }

  #replace(collected: Collecting, settled: boolean, effects: Effects): void {
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
    if (former?.isListed === true) this.#digest = digestRemove(this.#digest, former.hash);
    if (former?.isListed === false || former?.older !== undefined) this.#heldCount--;
    const isOlder = !settled && former?.content && isOlderProcess(endpoint, former.content);
    const content = isOlder ? former.content : this.#contentOf(endpoint, former?.content, effects);
    const { registrationId, hash } = endpoint;
    const older = isOlder ? endpoint : undefined;
    if (older !== undefined) this.#heldCount++;
    this.#slots.set(endpoint.id, { registrationId, hash, content, isListed: true, older });
    this.#digest = digestAdd(this.#digest, hash);
    // Also when it was rejected, fenced or held: the server waits for a word about each one that drains.
    if (content !== endpoint) this.#fences.saw(endpoint);
    noteDraining(content?.state === "draining" ? content : endpoint, effects);
    if (content === former?.content) return;
    if (former?.content && isOlderProcess(former.content, endpoint)) this.#fence(former.content);
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
    // One that this server did not list may be a newer process than the one that left.
    if (!slot.isListed && slot.content?.registrationId !== removal.registrationId) return;
    if (slot.older !== undefined && slot.content?.registrationId !== removal.registrationId) {
      this.#unlist(removal.id, slot);
      return;
    }
    // The id is gone, also when this agent never heard of the process that held it last: so is the one before.
    if (slot.content?.registrationId !== removal.registrationId) this.#fence(slot.content);
    this.#delete(removal.id, slot);
    effects.changed = true;
    effects.urgent = true;
  }

  #delete(id: InstanceId, slot: Slot): void {
    this.#slots.delete(id);
    if (slot.isListed) this.#digest = digestRemove(this.#digest, slot.hash);
    if (!slot.isListed || slot.older !== undefined) this.#heldCount--;
  }

  #unlistExcept(listed: ReadonlySet<InstanceId>): void {
    for (const [id, slot] of this.#slots) {
      if (slot.isListed && !listed.has(id)) this.#unlist(id, slot);
    }
  }

  #unlist(id: InstanceId, slot: Slot): void {
    this.#digest = digestRemove(this.#digest, slot.hash);
    if (slot.content === undefined) this.#slots.delete(id);
    else if (slot.older === undefined) this.#heldCount++;
    slot.older = undefined;
    slot.isListed = false;
  }

  #dropHeld(effects: Effects): void {
    if (this.#heldCount === 0) return;
    for (const [id, slot] of this.#slots) {
      if (!slot.isListed) this.#delete(id, slot);
      else if (slot.older !== undefined) this.#upsert(slot.older, true, effects);
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
