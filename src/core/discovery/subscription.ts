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

/** One watcher's cursor in one service. */
export class Subscription {
  readonly watcher: WatcherState;
  readonly view: ServiceView;
  /** Endpoints were sent up to this version; -1 before the first answer. */
  sentVersion = -1;
  serviceSentVersion = -1;
  /** Endpoints were acknowledged up to this version; -1 before the first ACK. */
  ackedVersion = -1;
  /** Whether the last answer said settled. */
  wasSettled = false;
  /** True once any answer about endpoints was sent. */
  isAnswered = false;
  /** True while something is to be sent. */
  isDirty = false;
  /** The agent holds endpoints that we did not list. */
  isHeld = false;
  /** Why the agent refused something; empty when it did not. */
  rejection = "";
  chunks: PendingChunks | undefined;
  #sent: Sent[] | undefined;

  constructor(watcher: WatcherState, view: ServiceView) {
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
    this.isHeld = ack.held;
    this.rejection = rejectionText(ack);
    this.#forgetSent(ack.nonce, nowMs);
    const isWhole = this.chunks === undefined || version < this.chunks.version;
    if (type === "endpoints" && isWhole && version <= this.sentVersion) {
      this.ackedVersion = Math.max(this.ackedVersion, version);
    }
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
  /** Requests in flight to draining endpoints, by registration id; as last reported. */
  readonly inFlight = new Map<string, number>();

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

  reported(report: InFlightReport): void {
    if (this.inFlight.size >= MAX_IN_FLIGHT_REPORTS) this.inFlight.clear();
    this.inFlight.set(report.registrationId, report.count);
  }
}

/** One per draining endpoint; far more than drain at once. */
const MAX_IN_FLIGHT_REPORTS = 10_000;
