import { type RegistrationId, serviceKey } from "../../core/model/names.ts";
import { type Fence, isCovered } from "../../core/registry/fences.ts";
import { LeaseGroup } from "../../core/registry/lease.ts";
import { InstanceRecord, type RecordLeases } from "../../core/registry/record.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type {
  JournalEntry,
  LoadedState,
  RegistryStore,
  SnapshotRecord,
} from "../../ports/registry-store.ts";

/** So much a crash forgets; clients that it forgets come back by themselves. */
const SNAPSHOT_INTERVAL_MS = 1_000;

/** Writing takes at most a twentieth of the time: 200,000 instances take a second to write. */
const PAUSE_FACTOR = 20;

/** Restarts within one minute fall on different milliseconds of it. */
const EPOCH_SPREAD_MS = 60_000;

/**
 * The epoch after a restart: above everything on the disk. While the wall clock is behind that, an
 * epoch that ended before it was written must not be used twice: so its milliseconds count, too.
 */
export function nextEpoch(loaded: LoadedState, wallMs: number): number {
  const now = Math.floor(wallMs);
  const last = loaded.header?.epoch ?? 0;
  return now > last ? now : last + 1 + (now % EPOCH_SPREAD_MS);
}

/** The longest lease that came back: the replica has not settled before it ran out. */
export function longestLeaseMs(loaded: LoadedState): number {
  return loaded.records.reduce((longest, { instance }) => Math.max(longest, instance.leaseMs), 0);
}

/**
 * Puts the last run's instances back. Their leases run until the replica has settled, so
 * that a client has as long to come back as an agent has to be heard.
 *
 * @param asksUnowned whether somebody asks about those that no client had claimed: else their leases run, too
 * @returns how many came back.
 */
export function restore(
  registry: Registry,
  loaded: LoadedState,
  nowMs: number,
  settlesAtMs: number,
  asksUnowned = false,
): number {
  const { header } = loaded;
  if (header !== undefined) registry.hlc.advance(header.hlc);
  for (const fence of header?.fences ?? []) registry.fences.add(fence, nowMs);
  const journal = digestJournal(loaded.journal);
  for (const fence of journal.fences) {
    registry.hlc.advance(fence.hlc);
    registry.fences.add(fence, nowMs);
  }
  const groups = new Map<number, RecordLeases>();
  for (const saved of loaded.records) {
    const { id, registrationId, leaseMs, namespace, service } = saved.instance;
    const fence = registry.fences.find(serviceKey(namespace, service), id, registrationId);
    const { generation } = saved.instance;
    const attachment = { registrationId, generation, adoption: saved.adoption ?? 0 };
    if (fence !== undefined && isCovered(attachment, fence)) continue;
    const drain = journal.drains.get(registrationId);
    if (saved.isUnowned === true && asksUnowned) {
      const record = recordOf(registry, saved, drain, registry.unowned.group);
      registry.insert(record);
      registry.suspect(record, nowMs);
      continue;
    }
    const group =
      groups.get(leaseMs) ?? new LeaseGroup<InstanceRecord>(leaseMs, "", settlesAtMs - leaseMs);
    groups.set(leaseMs, group);
    registry.insert(recordOf(registry, saved, drain, group));
  }
  for (const group of groups.values()) registry.leases.add(group);
  return registry.instanceCount;
}

type DrainEntry = Extract<JournalEntry, { kind: "drain" | "undrain" }>;

/** Some entries are older than the snapshot: the newer operator revision counts, and a fence twice is one. */
function digestJournal(journal: readonly JournalEntry[]): {
  fences: Fence[];
  drains: Map<RegistrationId, DrainEntry>;
} {
  const fences: Fence[] = [];
  const drains = new Map<RegistrationId, DrainEntry>();
  for (const entry of journal) {
    if ("fence" in entry) fences.push(entry.fence);
    else drains.set(entry.registrationId, entry);
  }
  return { fences, drains };
}

function recordOf(
  registry: Registry,
  saved: SnapshotRecord,
  drain: DrainEntry | undefined,
  group: RecordLeases,
): InstanceRecord {
  const { instance } = saved;
  const service = registry.serviceFor(instance.namespace, instance.service);
  const isNewer = drain !== undefined && drain.operatorRevision > saved.operatorRevision;
  const record = new InstanceRecord(service, instance, saved.firstRegisteredHlc, group, {
    revision: isNewer ? drain.operatorRevision : saved.operatorRevision,
    isDraining: isNewer ? drain.kind === "drain" : saved.isDraining,
  });
  record.defaults = saved.defaults;
  record.adoption = saved.adoption ?? 0;
  return record;
}

/** Writes snapshots for a warm restart; says so when it cannot. */
export class SnapshotKeeper {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #store: RegistryStore;
  readonly #registry: Registry;
  readonly #identity: { readonly epoch: number; readonly replicaId: string };
  #cancel: () => void;
  #failure = "";
  #writtenCount = -1;

  constructor(options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly store: RegistryStore;
    readonly registry: Registry;
    readonly identity: { readonly epoch: number; readonly replicaId: string };
  }) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#store = options.store;
    this.#registry = options.registry;
    this.#identity = options.identity;
    this.#cancel = this.#schedule(SNAPSHOT_INTERVAL_MS);
  }

  /** Why the last snapshot failed; empty when it did not. */
  get failure(): string {
    return this.#failure;
  }

  /** Never rejects: a server that cannot write serves on from memory, and says so. */
  async write(): Promise<void> {
    const { changeCount } = this.#registry;
    try {
      await this.#store.writeSnapshot(snapshotRecords(this.#registry), {
        ...this.#identity,
        hlc: this.#registry.hlc.last,
        savedAtWallMs: this.#clock.wallMs(),
        fences: this.#registry.fences.all(),
      });
      if (this.#failure !== "") this.#log.info({}, "snapshots are written again");
      this.#failure = "";
      this.#writtenCount = changeCount;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (this.#failure === "")
        this.#log.error({ err: cause }, `no snapshot was written: ${reason}`);
      this.#failure = reason;
    }
  }

  /** Writes the last one. */
  async stop(): Promise<void> {
    this.#cancel();
    await this.write();
  }

  #schedule(delayMs: number): () => void {
    return this.#clock.after(delayMs, () => {
      if (this.#registry.changeCount === this.#writtenCount) {
        this.#cancel = this.#schedule(SNAPSHOT_INTERVAL_MS);
        return;
      }
      const startedMs = this.#clock.nowMs();
      void this.write().then(() => {
        const pauseMs = PAUSE_FACTOR * (this.#clock.nowMs() - startedMs);
        this.#cancel = this.#schedule(Math.max(SNAPSHOT_INTERVAL_MS, pauseMs));
      });
    });
  }
}

function* snapshotRecords(registry: Registry): Iterable<SnapshotRecord> {
  for (const service of registry.services.values()) {
    for (const record of service.records.values()) {
      // Slices of this are read later: somebody may have left meanwhile. What others own they tell us again.
      if (record.isGone || !record.isOwn) continue;
      yield {
        instance: record.instance,
        ...(record.defaults === undefined ? {} : { defaults: record.defaults }),
        firstRegisteredHlc: record.firstRegisteredHlc,
        operatorRevision: record.operatorRevision,
        isDraining: record.isDraining,
        ...(record.adoption > 0 && { adoption: record.adoption }),
        ...(registry.unowned.has(record) && { isUnowned: true }),
      };
    }
  }
}
