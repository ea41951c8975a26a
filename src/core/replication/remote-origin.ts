import { digestsEqual } from "../model/digest.ts";
import { BeatCheck } from "./beat-check.ts";
import type { CopyProgress } from "./copy-progress.ts";
import type { Origin, ReceivedEntry } from "./entry.ts";
import type { DeltaBatch, Heartbeat, PullChunk, PullWant } from "./messages.ts";
import { ChangeBuilder, type OriginChange } from "./origin-change.ts";
import { loaded, OriginCopy } from "./origin-copy.ts";
import { OriginPulls, type PullEffect, type PullOptions } from "./origin-pulls.ts";
import { OriginSet } from "./origin-set.ts";
import { ParkedBatches } from "./parked-batches.ts";
import { verifyIntervalMs } from "./verify-interval.ts";

/** Time for what was only reordered to arrive; then as much again at most, so that not all ask at once. */
const GAP_WAIT_MS = 100;
/** After a reconnect everybody has to compare everything: spread over half a second. */
const RECONNECT_SPREAD_MS = 500;

export interface RemoteOriginOptions extends PullOptions {
  /** Told of each change of the copy, after it is in place. */
  changed(change: OriginChange): void;
}

const NOTHING: readonly PullEffect[] = [];

/**
 * The copy of one replica's records, kept right over a bus that loses, repeats and reorders. Each
 * method returns what is to be sent now; `tick` must be called at `dueMs`.
 */
export class RemoteOrigin {
  readonly replicaId: string;
  readonly #options: RemoteOriginOptions;
  readonly #pulls: OriginPulls;
  readonly #parked = new ParkedBatches();
  /** What is served: of the latest epoch that is completely here. */
  #copy: OriginCopy | undefined;
  /** The latest epoch that anybody spoke of, the only one listened to; higher than the copy's while it is loaded. */
  epoch = 0;
  readonly #beats = new BeatCheck();
  #gapCount = 0;
  /** Buckets were repaired and no heartbeat has agreed since: then all is pulled. */
  #wasRepaired = false;
  #verifyDueMs = Number.POSITIVE_INFINITY;
  #replicaCount = 1;

  constructor(replicaId: string, options: RemoteOriginOptions) {
    this.replicaId = replicaId;
    this.#options = options;
    this.#pulls = new OriginPulls(options);
  }

  /** Of the copy that is served; epoch 0 before the first. */
  get origin(): Origin {
    return { replicaId: this.replicaId, epoch: this.#copy?.origin.epoch ?? 0 };
  }

  get seq(): number {
    return this.#copy?.seq ?? 0;
  }

  /** The records that are served; `undefined` before the first were loaded. */
  get set(): OriginSet | undefined {
    return this.#copy?.set;
  }

  /** True when nothing is known to be missing. */
  get isSynced(): boolean {
    return (
      this.#copy?.origin.epoch === this.epoch && this.#parked.size === 0 && !this.#pulls.isBehind
    );
  }

  /** For people and metrics. */
  get progress(): CopyProgress {
    const { agreement, mismatchCount } = this.#beats;
    const { isUnderWay: isPulling, startedCounts: pullCounts } = this.#pulls;
    return { agreement, mismatchCount, gapCount: this.#gapCount, isPulling, pullCounts };
  }

  get parkedCount(): number {
    return this.#parked.size;
  }

  /** When `tick` has something to do. */
  get dueMs(): number {
    const { dueMs } = this.#pulls;
    return this.#pulls.isUnderWay ? dueMs : Math.min(dueMs, this.#verifyDueMs);
  }

  /** Somebody speaks of that epoch: its replica, or one that holds a copy. @returns false when it is over */
  heardOf(epoch: number, nowMs: number): boolean {
    if (epoch > this.epoch) this.#meet(epoch, nowMs);
    return epoch === this.epoch;
  }

  batch(batch: DeltaBatch, nowMs: number): readonly PullEffect[] {
    const { epoch } = batch.origin;
    if (!this.heardOf(epoch, nowMs)) return NOTHING;
    const copy = this.#copy;
    if (copy?.origin.epoch !== epoch) {
      this.#parked.add(batch);
    } else if (!this.#apply(copy, batch)) {
      this.#parked.add(batch);
      this.#miss(batch.prevSeq, nowMs);
    }
    return this.tick(nowMs);
  }

  heartbeat(heartbeat: Heartbeat, nowMs: number): readonly PullEffect[] {
    const { epoch } = heartbeat.origin;
    if (!this.heardOf(epoch, nowMs)) return NOTHING;
    const copy = this.#copy;
    if (copy?.origin.epoch === epoch) this.#compare(copy, heartbeat, nowMs);
    return this.tick(nowMs);
  }

  /** The answer to a request of an effect; answers of sessions that are over are dropped. */
  pullReply(chunk: PullChunk, nowMs: number): readonly PullEffect[] {
    const over = this.#pulls.accept(chunk);
    if (over === undefined) return this.tick(nowMs);
    const { want } = over.session.request;
    if (over.state === "done") this.#finish(want, chunk, over.session.entries(), nowMs);
    else if (over.state === "too-old") this.#pulls.want({ kind: "full" }, nowMs);
    else this.#pulls.retry(want, nowMs);
    return this.tick(nowMs);
  }

  /** A request was not answered: nobody listens, or the bus is cut off. */
  pullFailed(session: number, nowMs: number): readonly PullEffect[] {
    this.#pulls.failed(session, nowMs);
    return this.tick(nowMs);
  }

  /** The bus came back: what was published meanwhile is lost. @param want `full` when nothing here is believed */
  reconnected(nowMs: number, want: PullWant = { kind: "vector" }): void {
    this.#pulls.want(want, nowMs + this.#options.random() * RECONNECT_SPREAD_MS);
  }

  /** @param replicaCount live ones: more of them verify more rarely */
  tick(nowMs: number, replicaCount = this.#replicaCount): readonly PullEffect[] {
    this.#replicaCount = replicaCount;
    if (nowMs < this.dueMs && !this.#pulls.isUnderWay) return NOTHING;
    this.#pulls.giveUp(nowMs);
    if (nowMs >= this.#verifyDueMs) {
      this.#scheduleVerify(nowMs);
      this.#pulls.want({ kind: "vector" }, nowMs);
    }
    const copy = this.#copy?.origin.epoch === this.epoch ? this.#copy : undefined;
    const origin = { replicaId: this.replicaId, epoch: this.epoch };
    if (this.#pulls.open(origin, copy?.seq, nowMs)) copy?.startJournal();
    return this.#pulls.effects(nowMs);
  }

  /** Ends what is under way; the replica is gone for good. */
  close(): void {
    this.#pulls.cancel();
    this.#verifyDueMs = Number.POSITIVE_INFINITY;
  }

  /** A higher epoch: what is served stays until the new one is here. */
  #meet(epoch: number, nowMs: number): void {
    this.epoch = epoch;
    this.#pulls.cancel();
    this.#parked.clear();
    this.#forgetBeats();
    this.#pulls.want({ kind: "full" }, nowMs + this.#options.random() * GAP_WAIT_MS);
  }

  /** @returns false when something before the batch is missing */
  #apply(copy: OriginCopy, batch: DeltaBatch): boolean {
    if (batch.prevSeq > copy.seq) return false;
    this.#tell(copy.apply(batch.prevSeq, batch.entries));
    this.#unpark(copy);
    return true;
  }

  #unpark(copy: OriginCopy): void {
    for (;;) {
      const next = this.#parked.takeAfter(copy.seq);
      if (next === undefined) return;
      this.#tell(copy.apply(next.prevSeq, next.entries));
    }
  }

  #compare(copy: OriginCopy, { seq, digest }: Heartbeat, nowMs: number): void {
    const verdict = this.#beats.heard(seq, copy.seq, digestsEqual(digest, copy.set.root));
    if (verdict === "agrees") this.#wasRepaired = false;
    if (verdict === "late") this.#miss(seq, nowMs);
    if (verdict !== "differs") return;
    this.#pulls.want({ kind: this.#wasRepaired ? "full" : "vector" }, nowMs);
  }

  #forgetBeats(): void {
    this.#beats.forget();
    this.#wasRepaired = false;
  }

  #miss(untilSeq: number, nowMs: number): void {
    this.#gapCount++;
    const wait = GAP_WAIT_MS * (1 + this.#options.random());
    this.#pulls.want({ kind: "from-seq", seq: this.seq }, nowMs + wait, untilSeq);
  }

  #finish(
    want: PullWant,
    answer: PullChunk,
    entries: readonly ReceivedEntry[],
    nowMs: number,
  ): void {
    const before = this.#copy?.seq;
    const isUsed = this.#take(want, answer, entries, nowMs);
    this.#copy?.stopJournal();
    if (!isUsed) {
      this.#pulls.retry(want, nowMs);
      return;
    }
    this.#pulls.succeeded();
    if (this.#copy !== undefined) this.#unpark(this.#copy);
    // What waits for entries that the origin never had, nobody can complete.
    if (want.kind === "from-seq" && this.#copy?.seq === before) this.#parked.clear();
    if (this.#parked.size > 0) this.#miss(Number.MAX_SAFE_INTEGER, nowMs);
  }

  /** @returns false when the answer cannot be used: begin anew */
  #take(
    want: PullWant,
    answer: PullChunk,
    entries: readonly ReceivedEntry[],
    nowMs: number,
  ): boolean {
    const copy = this.#copy;
    if (want.kind === "full") return this.#takeAll(answer, entries, nowMs);
    if (copy === undefined) return false;
    if (want.kind === "from-seq") return this.#takeTail(copy, want.seq, answer, entries, nowMs);
    if (answer.seq > copy.seq) {
      this.#miss(answer.seq, nowMs);
      return true;
    }
    if (!copy.canReplayFrom(answer.seq)) return false;
    if (want.kind === "vector") {
      this.#takeVector(copy, answer, nowMs);
      return true;
    }
    const isWhole = digestsEqual(loaded(entries).set.root, answer.digest);
    if (!isWhole) return false;
    this.#tell(copy.replaceBuckets(new Set(want.buckets), answer.seq, entries));
    this.#wasRepaired = true;
    this.#beats.repaired();
    return true;
  }

  #takeAll(answer: PullChunk, entries: readonly ReceivedEntry[], nowMs: number): boolean {
    const { set, fences } = loaded(entries);
    if (!digestsEqual(set.root, answer.digest)) return false;
    const copy = this.#copy;
    if (copy?.origin.epoch === this.epoch) {
      if (answer.seq < copy.seq && !copy.canReplayFrom(answer.seq)) return false;
      this.#tell(copy.replaceAll(set, answer.seq, fences));
    } else {
      const origin = { replicaId: this.replicaId, epoch: this.epoch };
      const change = new ChangeBuilder();
      const orphans = change.succeed(copy?.set ?? new OriginSet(), set, fences);
      this.#copy = new OriginCopy(origin, set, answer.seq);
      this.#tell(change.buildAlways(origin, orphans, copy?.origin.epoch));
    }
    this.#forgetBeats();
    this.#scheduleVerify(nowMs);
    return true;
  }

  #takeTail(
    copy: OriginCopy,
    fromSeq: number,
    answer: PullChunk,
    entries: readonly ReceivedEntry[],
    nowMs: number,
  ): boolean {
    if (fromSeq + entries.length !== answer.seq) return false;
    this.#tell(copy.apply(fromSeq, entries));
    const isSame = copy.seq !== answer.seq || digestsEqual(copy.set.root, answer.digest);
    if (!isSame) this.#pulls.want({ kind: "vector" }, nowMs);
    return true;
  }

  #takeVector(copy: OriginCopy, { seq, vector }: PullChunk, nowMs: number): void {
    const touched = copy.touchedSince(seq);
    const buckets: number[] = [];
    for (const [i, sum] of vector.entries()) {
      if (sum !== copy.set.bucket(i) && !touched.has(i)) buckets.push(i);
    }
    if (buckets.length > 0) this.#pulls.want({ kind: "buckets", buckets }, nowMs);
  }

  #scheduleVerify(nowMs: number): void {
    this.#verifyDueMs = nowMs + verifyIntervalMs(this.#replicaCount, this.#options.random());
  }

  #tell(change: OriginChange | undefined): void {
    if (change !== undefined) this.#options.changed(change);
  }
}
