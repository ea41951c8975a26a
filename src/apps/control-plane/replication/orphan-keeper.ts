import type { Random } from "../../../core/model/random.ts";
import { adopt } from "../../../core/registry/adoption.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import type { Registry } from "../../../core/registry/registry.ts";
import { doorOf } from "../../../core/replication/orphan-probe.ts";
import { Orphans } from "../../../core/replication/orphans.ts";
import type { Clock } from "../../../ports/clock.ts";
import type { Log } from "../../../ports/log.ts";
import type { ProbeResult, Prober, TcpProbeTarget } from "../../../ports/prober.ts";
import type { AbsenceReason, OrphanCare } from "./absent-owners.ts";

const TICK_MS = 1_000;

/** Each holds a socket for up to two seconds; a fleet of 1,000 that answers is through in a second. */
const MAX_PROBES = 8;

/** Above the round trip of any network that requests are sent through. */
const PROBE_TIMEOUT_MS = 2_000;

/** What nobody owns is asked again about so often, give or take a quarter. */
const PROBE_AGAIN_MS = 10_000;
const PROBE_JITTER = 0.25;

/** After a doubt about itself a replica first hears what was said meanwhile. */
const SURE_AFTER_MS = 10_000;

/** Nobody could be asked: no evidence either way. */
const UNASKED: ProbeResult = { ok: false, detail: "it cannot be asked from here" };

export interface OrphanKeeperOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly prober: Prober<TcpProbeTarget>;
  /** Whether this one of the live replicas takes over what a dead one held under `SERVICE/ID`. */
  readonly isAdopter: (key: string, formerId: string) => boolean;
  /** False before this replica has settled, while it hears too few others, and just after it stood still. */
  readonly mayJudge: () => boolean;
  /** Replicas and instances share this machine: loopback addresses can be asked. */
  readonly isOneMachine: () => boolean;
  /** Tells agents and other replicas what changed. */
  readonly publish: () => void;
}

/**
 * Cares for registrations whose owner is gone: leaves them alone while their clients look for another
 * replica, then adopts what nobody claimed, as suspect, and ends it with evidence only. Self-preservation
 * and the last endpoint of a service are the reaper's, which expires what was refused.
 */
export class OrphanKeeper implements OrphanCare {
  readonly #options: OrphanKeeperOptions;
  readonly #orphans: Orphans;
  /** When those that this replica keeps without a client are asked about next. */
  readonly #nextAtMs = new Map<InstanceRecord, number>();
  readonly #underWay = new Set<InstanceRecord>();
  /** Whom to ask in this round, the first one last. */
  #queue: InstanceRecord[] = [];
  #adoptedCount = 0;
  readonly #abort = new AbortController();
  #sureSinceMs: number | undefined;
  #tickedAtMs = Number.NEGATIVE_INFINITY;
  #cancelTick: () => void = () => undefined;

  constructor(options: OrphanKeeperOptions) {
    this.#options = options;
    this.#orphans = new Orphans(options.random);
  }

  /** How many belong to nobody, and to this replica without a client. */
  get counts(): { readonly orphans: number; readonly unowned: number } {
    return { orphans: this.#orphans.size, unowned: this.#options.registry.unowned.group.size };
  }

  start(): void {
    this.#cancelTick = this.#options.clock.after(TICK_MS, () => {
      this.start();
      this.#tick();
    });
  }

  stop(): void {
    this.#cancelTick();
    this.#abort.abort();
  }

  /** Nobody keeps these any more. */
  orphaned(records: Iterable<InstanceRecord>, reason: AbsenceReason): void {
    const nowMs = this.#options.clock.nowMs();
    for (const record of records) this.#orphans.add(record, reason === "left", nowMs);
  }

  reclaimed(replicaId: string, isKept: (record: InstanceRecord) => boolean): void {
    this.#orphans.reclaimed(replicaId, isKept);
  }

  get #isSure(): boolean {
    const { clock, mayJudge } = this.#options;
    if (!mayJudge()) this.#sureSinceMs = undefined;
    else this.#sureSinceMs ??= clock.nowMs();
    return this.#sureSinceMs !== undefined && clock.nowMs() - this.#sureSinceMs >= SURE_AFTER_MS;
  }

  #tick(): void {
    const nowMs = this.#options.clock.nowMs();
    // Who stood still has not heard who came back meanwhile.
    if (nowMs - this.#tickedAtMs > 3 * TICK_MS) this.#sureSinceMs = undefined;
    this.#tickedAtMs = nowMs;
    if (!this.#isSure) return;
    this.#queue = this.#due();
    this.#fill();
    if (this.#adoptedCount === 0) return;
    this.#options.log.warn({ adopted: this.#adoptedCount }, ADOPTED);
    this.#adoptedCount = 0;
  }

  /** First whom nobody has asked about: others serve them as if all were well. */
  #due(): InstanceRecord[] {
    const { registry, clock, isAdopter } = this.#options;
    const nowMs = clock.nowMs();
    const isMine = ({ service, id, group }: InstanceRecord) =>
      isAdopter(`${service.key}/${id}`, group.ownerId);
    const orphans = this.#orphans.due(nowMs, isMine);
    for (const record of this.#nextAtMs.keys()) {
      if (!registry.unowned.has(record)) this.#nextAtMs.delete(record);
    }
    const unowned = registry.unowned.group.members();
    const isDue = (record: InstanceRecord) => (this.#nextAtMs.get(record) ?? 0) <= nowMs;
    return [...orphans, ...unowned.filter(isDue)]
      .filter((one) => !this.#underWay.has(one))
      .reverse();
  }

  #fill(): void {
    while (this.#underWay.size < MAX_PROBES) {
      const record = this.#queue.pop();
      if (record === undefined) break;
      const isNobodys = this.#orphans.has(record) || this.#options.registry.unowned.has(record);
      if (isNobodys) this.#ask(record);
    }
    this.#options.publish();
  }

  #ask(record: InstanceRecord): void {
    const { prober, isOneMachine, log } = this.#options;
    const door = doorOf(record.instance, isOneMachine());
    if (door === undefined) {
      this.#judge(record, UNASKED);
      return;
    }
    this.#underWay.add(record);
    prober
      .probe({ kind: "tcp", ...door }, PROBE_TIMEOUT_MS, this.#abort.signal)
      .catch((error: unknown): ProbeResult => ({ ok: false, detail: String(error) }))
      .then((result) => this.#answered(record, result))
      .catch((error: unknown) => log.error({ err: error }, "an orphan was not judged"));
  }

  #answered(record: InstanceRecord, result: ProbeResult): void {
    this.#underWay.delete(record);
    if (this.#abort.signal.aborted || !this.#isSure) return;
    this.#judge(record, result);
    this.#fill();
  }

  #judge(record: InstanceRecord, result: ProbeResult): void {
    const { registry, clock, random, log } = this.#options;
    const { unowned } = registry;
    const nowMs = clock.nowMs();
    if (this.#orphans.has(record)) {
      adopt(registry, record, unowned.group, nowMs);
      this.#adoptedCount++;
    }
    // Its client came back while it was asked about.
    if (!unowned.has(record)) return;
    registry.suspect(record, nowMs);
    if (result.isRefused === true) unowned.refused(record);
    else unowned.answered(record);
    const pauseMs = PROBE_AGAIN_MS * (1 - PROBE_JITTER + 2 * PROBE_JITTER * random());
    this.#nextAtMs.set(record, nowMs + pauseMs);
    const instance = `${record.service.key}/${record.id}`;
    log.debug({ instance, detail: result.detail }, "an instance that nobody owns was asked");
  }
}

const ADOPTED =
  "no client claimed instances whose replica is gone; they are kept here as suspect until their clients come or nothing listens there";
