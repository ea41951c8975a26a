import type { ServiceView } from "./service-view.ts";
import type { InFlightReport, Nonce, ResourceAck } from "./update.ts";

/** Un-ACKed per stream; beyond it the watcher gets one merged delta later. */
export const MAX_UNACKED_UPDATES = 64;
export const MAX_UNACKED_BYTES = 1024 * 1024;

/** An update on its way: needed to count what the agent has not acknowledged. Shared by its receivers. */
export interface Sent {
  readonly type: "service" | "endpoints";
  readonly version: number;
  readonly chunk: number;
  readonly bytes: number;
}

/** A snapshot on its way to one watcher: immutable, shared with all others at the same version. */
export interface PendingChunks {
  readonly frames: readonly Uint8Array[];
  readonly version: number;
  next: number;
}

/** What an agent could not do with what it was told. */
interface Trouble {
  /** It holds endpoints that an unsettled server did not list. */
  readonly isHeld: boolean;
  /** Why it refused something; empty when it did not. */
  readonly rejection: string;
}

/**
 * One watcher's cursor in one service. There are hundreds of thousands of these: what is
 * rare lives in objects that are mostly absent.
 */
export class Subscription<Owner extends WatcherState = WatcherState> {
  readonly watcher: Owner;
  readonly view: ServiceView;
  /** Endpoints were sent up to this version; -1 before the first answer. */
  sentVersion = -1;
  serviceSentVersion = -1;
  /** Endpoints were acknowledged up to this version; -1 before the first ACK. */
  ackedVersion = -1;
  /**
   * What the last answer about endpoints said of the server. `elsewhere`: nothing yet, but another
   * replica told the agent what this one had at `sentVersion`.
   */
  told: "nothing" | "elsewhere" | "unsettled" | "settled" = "nothing";
  trouble: Trouble | undefined;
  chunks: PendingChunks | undefined;
  #sent: Sent[] | undefined;

  constructor(watcher: Owner, view: ServiceView) {
    this.watcher = watcher;
    this.view = view;
  }

  get hasUnacked(): boolean {
    return this.#sent !== undefined;
  }

  sent(update: Sent, nowMs: number): void {
    const { watcher } = this;
    if (!watcher.isDataPlane) return;
    if (watcher.unackedCount === 0) watcher.progressAtMs = nowMs;
    watcher.unackedCount++;
    watcher.unackedBytes += update.bytes;
    if (this.#sent === undefined) this.#sent = [update];
    else this.#sent.push(update);
  }

  /** Acknowledges everything of that resource up to the nonce. */
  acked(ack: ResourceAck, nowMs: number): void {
    const { type, version } = ack.nonce;
    this.#forgetSent(ack.nonce, nowMs);
    if (type === "service") return;
    this.trouble = troubleOf(ack);
    if (!this.#isInParts(version) && version <= this.sentVersion) {
      this.ackedVersion = Math.max(this.ackedVersion, version);
    }
  }

  /** Chunks of it are still to be sent, or to be acknowledged: the agent goes by what it had before. */
  #isInParts(version: number): boolean {
    if (this.chunks !== undefined && version >= this.chunks.version) return true;
    return (
      this.#sent?.some((sent) => sent.type === "endpoints" && sent.version === version) === true
    );
  }

  /** Mostly one update is out, and the acknowledgement is for it. */
  #forgetSent(nonce: Nonce, nowMs: number): void {
    if (this.#sent === undefined) return;
    let kept = 0;
    for (const update of this.#sent) {
      if (isCovered(update, nonce)) this.watcher.release(update.bytes, nowMs);
      else this.#sent[kept++] = update;
    }
    this.#sent.length = kept;
    if (kept === 0) this.#sent = undefined;
  }

  /** Gives back what it counted, when the subscription ends. */
  release(nowMs: number): void {
    for (const { bytes } of this.#sent ?? []) this.watcher.release(bytes, nowMs);
    this.#sent = undefined;
  }
}

function isCovered(update: Sent, { type, version, chunk }: Nonce): boolean {
  if (update.type !== type) return false;
  return update.version < version || (update.version === version && update.chunk <= chunk);
}

function troubleOf(ack: ResourceAck): Trouble | undefined {
  const rejection = rejectionText(ack);
  return ack.held || rejection !== "" ? { isHeld: ack.held, rejection } : undefined;
}

function rejectionText(ack: ResourceAck): string {
  const first = ack.rejected[0];
  if (first !== undefined) {
    const more = ack.rejected.length > 1 ? ` (and ${ack.rejected.length - 1} more)` : "";
    return `${first.id}: ${first.reason}${more}`;
  }
  return ack.digestMismatch ? "the digest does not match what the agent holds" : "";
}

/** What one Watch stream owes and is owed. A cursor, not a queue. */
export class WatcherState {
  readonly agentId: string;
  readonly isDataPlane: boolean;
  unackedCount = 0;
  unackedBytes = 0;
  /** When the agent last acknowledged anything, or was last sent something after being even. */
  progressAtMs: number;
  /** False while the stream reports back-pressure. */
  isWritable = true;
  #inFlight: Map<string, number> | undefined;

  constructor(agentId: string, isDataPlane: boolean, nowMs: number) {
    this.agentId = agentId;
    this.isDataPlane = isDataPlane;
    this.progressAtMs = nowMs;
  }

  get mayReceive(): boolean {
    return (
      this.isWritable &&
      this.unackedCount < MAX_UNACKED_UPDATES &&
      this.unackedBytes < MAX_UNACKED_BYTES
    );
  }

  release(bytes: number, nowMs: number): void {
    this.unackedCount--;
    this.unackedBytes -= bytes;
    this.progressAtMs = nowMs;
  }

  /** Requests in flight to a draining registration, as last reported; `undefined` when never. */
  inFlightTo(registrationId: string): number | undefined {
    return this.#inFlight?.get(registrationId);
  }

  reported(report: InFlightReport): void {
    this.#inFlight ??= new Map();
    if (this.#inFlight.size >= MAX_IN_FLIGHT_REPORTS) this.#inFlight.clear();
    this.#inFlight.set(report.registrationId, report.count);
  }

  /** Forgets what was reported during an earlier drain. */
  forgetInFlight(registrationId: string): void {
    this.#inFlight?.delete(registrationId);
  }
}

/** One per draining endpoint; far more than drain at once. */
const MAX_IN_FLIGHT_REPORTS = 10_000;
