import { expect, test } from "vitest";
import { aLease } from "../../../test/support/builders.ts";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type {
  JournalEntry,
  LoadedState,
  RegistryStore,
  SnapshotHeader,
  SnapshotRecord,
} from "../../ports/registry-store.ts";
import { restore } from "./persistence.ts";

/** A disk: what one run writes, the next one loads. */
class MemoryStore implements RegistryStore {
  header: SnapshotHeader | undefined;
  records: SnapshotRecord[] = [];
  journal: JournalEntry[] = [];
  snapshotCount = 0;

  load(): LoadedState {
    return { header: this.header, records: this.records, journal: this.journal, problems: [] };
  }

  async appendJournal(entry: JournalEntry): Promise<void> {
    this.journal.push(entry);
  }

  async writeSnapshot(records: Iterable<SnapshotRecord>, header: SnapshotHeader): Promise<void> {
    this.records = [...records];
    this.header = header;
    this.journal = [];
    this.snapshotCount++;
  }

  async close(): Promise<void> {}
}

const input = (id: string) => anInput({ id, registrationId: `r-${id}` as never });

/** A run that registered a, b and c, wrote a snapshot, then drained a and lost b. */
async function firstRun(store: MemoryStore, clock: FakeClock): Promise<number> {
  const plane = aControlPlane(clock, { store });
  for (const id of ["a", "b", "c"]) plane.replica.register(input(id));
  clock.advance(1_500);
  await Promise.resolve();
  void plane.replica.drain(aLease("a"), 0, new AbortController().signal);
  await plane.replica.deregister(aLease("b"));
  return plane.watches.epoch;
}

test("an epoch that ended before it was written is not used again, also with a clock that went back", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  const first = await firstRun(store, clock);
  clock.wallStepMs = -3_600_000;
  const second = aControlPlane(clock, { store }).watches.epoch;
  clock.advance(500);
  const third = aControlPlane(clock, { store }).watches.epoch;
  expect(second).toBeGreaterThan(first);
  expect(third).toBeGreaterThan(first);
  expect(third).not.toBe(second);
});

test("a restart brings instances back, and undoes no answer that was given", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  const firstEpoch = await firstRun(store, clock);
  expect(store.journal.map(({ kind }) => kind)).toEqual(["drain", "deregister"]);

  const plane = aControlPlane(clock, { store, settleAfterMs: 30_000 });
  expect(plane.watches.epoch).toBeGreaterThan(firstEpoch);
  const agent = new TestAgent(plane, "agent").watch();
  expect(agent.told).toEqual(["snapshot>1 +a:draining +c:healthy unsettled"]);
  expect(() => plane.replica.register(input("b"))).toThrow(/deregistered and cannot come back/);
});

test("restored leases run until the server has settled, and a beat before keeps them", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  await firstRun(store, clock);
  const plane = aControlPlane(clock, { store, settleAfterMs: 30_000 });
  const agent = new TestAgent(plane, "agent").watch();
  clock.advance(25_000);
  agent.ack();
  void plane.replica.renew([aLease("c")]);
  clock.advance(10_000);
  const removed = agent.updates.flatMap(({ removals }) => removals.map(({ id }) => id));
  expect(removed).toEqual([]);
  expect(plane.replica.registry.find(aLease("c"))?.endpoint.state).toBe("healthy");
});

test("snapshots are written after changes, and not without any", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  const plane = aControlPlane(clock, { store });
  plane.replica.register(input("a"));
  clock.advance(1_000);
  for (let i = 0; i < 10; i++) await Promise.resolve();
  expect(store.records.map(({ instance }) => instance.id)).toEqual(["a"]);
  const written = store.snapshotCount;
  for (let i = 0; i < 10; i++) {
    clock.advance(1_000);
    void plane.replica.renew([aLease("a")]);
    await Promise.resolve();
  }
  expect(store.snapshotCount).toBe(written);
});

test("what nobody had claimed before a restart is asked about after it, and does not expire in silence", () => {
  const clock = new FakeClock();
  const [kept, unowned] = ["kept", "unowned"].map((id) => input(id).instance);
  if (kept === undefined || unowned === undefined) throw new Error("unreachable");
  const part = { firstRegisteredHlc: 1_000, operatorRevision: 0, isDraining: false, adoption: 1 };
  const records: SnapshotRecord[] = [
    { instance: kept, ...part },
    { instance: unowned, ...part, isUnowned: true },
  ];
  const loaded = { header: undefined, records, journal: [], problems: [] };
  const { registry } = aControlPlane(clock).replica;
  restore(registry, loaded, 0, 30_000, true);
  expect(registry.unowned.group.members().map(({ id }) => id)).toEqual(["unowned"]);
  expect(registry.find(aLease("unowned"))).toMatchObject({ isSuspect: true, adoption: 1 });
  clock.advance(60_000);
  expect(registry.find(aLease("kept"))).toBeUndefined();
  expect(registry.find(aLease("unowned"))?.endpoint.state).toBe("suspect");
});
