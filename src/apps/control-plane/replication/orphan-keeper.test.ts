import { beforeEach, describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../../test/support/builders.ts";
import { quietLog } from "../../../../test/support/control-plane.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import type { RegistrationId } from "../../../core/model/names.ts";
import { applyForeign } from "../../../core/registry/foreign-records.ts";
import { LeaseGroup } from "../../../core/registry/lease.ts";
import type { InstanceRecord } from "../../../core/registry/record.ts";
import { Registry } from "../../../core/registry/registry.ts";
import type { ProbeResult } from "../../../ports/prober.ts";
import { OrphanKeeper } from "./orphan-keeper.ts";

const ALIVE: ProbeResult = { ok: true, detail: "connection accepted" };
const REFUSED: ProbeResult = { ok: false, detail: "nothing listens", isRefused: true };
const SILENT: ProbeResult = { ok: false, detail: "no answer" };

let clock: FakeClock;
let registry: Registry;
let keeper: OrphanKeeper;
let answer: ProbeResult | "pending";
let asked: number;
let open: number;
let mostOpen: number;
let isAdopter: boolean;
let mayJudge: boolean;
let ended: string[];
let theirs: LeaseGroup<InstanceRecord>;

beforeEach(() => {
  clock = new FakeClock();
  [answer, asked, open, mostOpen] = [ALIVE, 0, 0, 0];
  [isAdopter, mayJudge] = [true, true];
  ended = [];
  registry = new Registry({
    upserted: () => undefined,
    removed: () => undefined,
    serviceChanged: () => undefined,
    written: () => undefined,
    ended: ({ instanceId }) => void ended.push(instanceId),
    handedOver: () => undefined,
  });
  theirs = new LeaseGroup<InstanceRecord>(15_000, "", 0, "gone");
  keeper = new OrphanKeeper({
    ...{ registry, clock, log: quietLog, random: () => 0.5, isOneMachine: () => false },
    prober: {
      probe: async () => {
        asked++;
        mostOpen = Math.max(mostOpen, ++open);
        if (answer === "pending") return new Promise<ProbeResult>(() => undefined);
        await null;
        open--;
        return answer;
      },
    },
    isAdopter: () => isAdopter,
    mayJudge: () => mayJudge,
    publish: () => undefined,
  });
  keeper.start();
});

async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    clock.advance(1_000);
    for (let i = 0; i < 10; i++) await null;
  }
}

/** A record of the replica that is gone. */
function theirRecord(id: string, of: Parameters<typeof anInstance>[0] = {}): InstanceRecord {
  const registrationId = `r-${id}` as RegistrationId;
  const address = { kind: "ip" as const, value: "10.0.0.7" };
  const part = { operatorRevision: 0, isDraining: false, isSuspect: false, adoption: 0 };
  const instance = anInstance({ registrationId, address, ...of, id });
  const foreign = { instance, defaults: undefined, firstRegisteredHlc: 1_000, ...part };
  const by = { nowMs: clock.nowMs(), wallMs: clock.wallMs(), replicaId: "us" };
  applyForeign(registry, theirs, foreign, by);
  const record = registry.find(aLease(id));
  if (record === undefined) throw new Error("it was not taken in");
  return record;
}

describe("an orphan", () => {
  test("is left alone for two leases, and asked about then", async () => {
    const record = theirRecord("a");
    keeper.orphaned([record], "dead");
    await pass(30_000);
    expect(asked).toBe(0);
    expect(record).toMatchObject({ isOwn: false, isSuspect: false });
    await pass(5_000);
    expect(asked).toBe(1);
    expect(record).toMatchObject({ isOwn: true, isSuspect: true, adoption: 1 });
  });

  test("waits for one lease only after a goodbye", async () => {
    const record = theirRecord("a");
    keeper.orphaned([record], "left");
    await pass(19_000);
    expect(record.isOwn).toBe(true);
  });

  test("is not adopted when a client claimed it, at another replica or here", async () => {
    const [elsewhere, here] = [theirRecord("a"), theirRecord("b")];
    keeper.orphaned([elsewhere, here], "dead");
    const others = new LeaseGroup<InstanceRecord>(15_000, "", 0, "other");
    elsewhere.keepUnder(others);
    registry.keepUnder(here, new LeaseGroup<InstanceRecord>(15_000, "session", 0));
    await pass(60_000);
    expect(asked).toBe(0);
    expect(keeper.counts).toEqual({ orphans: 0, unowned: 0 });
  });

  test("is nobody's business when its owner is back, and is again when that dies again", async () => {
    const record = theirRecord("a");
    keeper.orphaned([record], "dead");
    await pass(29_000);
    keeper.reclaimed("gone", () => true);
    await pass(30_000);
    expect(record.isOwn).toBe(false);
    keeper.orphaned([record], "dead");
    await pass(30_000);
    expect(record.isOwn).toBe(false);
    await pass(5_000);
    expect(record.isOwn).toBe(true);
  });

  test("stays one when a new life of its owner does not have it", async () => {
    const [lost, kept] = [theirRecord("a"), theirRecord("b")];
    keeper.orphaned([lost, kept], "dead");
    await pass(20_000);
    keeper.reclaimed("gone", (record) => record === kept);
    await pass(15_000);
    expect([lost.isOwn, kept.isOwn]).toEqual([true, false]);
  });

  test("is its owner's again when that has started anew and its client came back there", async () => {
    const record = theirRecord("a");
    keeper.orphaned([record], "restarted");
    await pass(20_000);
    theirRecord("a", { generation: 2 });
    await pass(30_000);
    expect(record.isOwn).toBe(false);
  });

  test("its time goes on when it is told of again", async () => {
    const record = theirRecord("a");
    for (let i = 0; i < 34; i++) {
      keeper.orphaned([record], "dead");
      await pass(1_000);
    }
    expect(record.isOwn).toBe(true);
  });

  test("is left to the chosen adopter, unless that one does nothing", async () => {
    isAdopter = false;
    const record = theirRecord("a");
    keeper.orphaned([record], "dead");
    await pass(50_000);
    expect(record.isOwn).toBe(false);
    await pass(5_000);
    expect(record.isOwn).toBe(true);
  });

  test("is judged by nobody who doubts himself, nor at once after", async () => {
    mayJudge = false;
    const record = theirRecord("a");
    keeper.orphaned([record], "dead");
    await pass(100_000);
    mayJudge = true;
    await pass(9_000);
    expect(asked).toBe(0);
    await pass(3_000);
    expect(record.isOwn).toBe(true);
  });

  test("a client that comes while it is asked about has it", async () => {
    answer = "pending";
    const record = theirRecord("a");
    keeper.orphaned([record], "dead");
    await pass(35_000);
    expect(asked).toBe(1);
    registry.keepUnder(record, new LeaseGroup<InstanceRecord>(15_000, "session", 0));
    await pass(60_000);
    expect(record).toMatchObject({ isSuspect: false, adoption: 0 });
    expect(asked).toBe(1);
  });
});

describe("evidence", () => {
  async function adopted(id: string, of: Parameters<typeof anInstance>[0] = {}) {
    const record = theirRecord(id, of);
    keeper.orphaned([record], "dead");
    await pass(35_000);
    expect(record).toMatchObject({ isOwn: true, isSuspect: true });
    return record;
  }

  test("whoever refuses is condemned, and acquitted when it answers again", async () => {
    answer = REFUSED;
    const record = await adopted("a");
    expect(registry.unowned.condemned()).toEqual([record]);
    answer = ALIVE;
    await pass(14_000);
    expect(registry.unowned.condemned()).toEqual([]);
  });

  test("silence is none: it is asked again for ever", async () => {
    answer = SILENT;
    await adopted("a");
    await pass(600_000);
    expect(registry.unowned.condemned()).toEqual([]);
    expect(asked).toBeGreaterThan(40);
    expect(ended).toEqual([]);
  });

  test.each([
    ["a socket of its machine", { address: { kind: "unix" as const, value: "/run/a.sock" } }],
    ["an instance without ports", { ports: [] }],
    ["a loopback address", { address: { kind: "ip" as const, value: "127.0.0.1" } }],
  ])("%s cannot be asked, and is kept", async (_, of) => {
    answer = REFUSED;
    await adopted("a", of);
    await pass(60_000);
    expect(asked).toBe(0);
    expect(registry.unowned.condemned()).toEqual([]);
  });
});

test("many are asked about, eight at a time", async () => {
  const records = Array.from({ length: 100 }, (_, i) => theirRecord(`i${i}`));
  keeper.orphaned(records, "dead");
  await pass(40_000);
  expect(mostOpen).toBe(8);
  expect(records.filter(({ isOwn }) => isOwn)).toHaveLength(100);
});

test("what hangs keeps nobody else from being asked", async () => {
  answer = "pending";
  const records = Array.from({ length: 7 }, (_, i) => theirRecord(`i${i}`));
  keeper.orphaned(records, "dead");
  await pass(40_000);
  answer = ALIVE;
  const more = theirRecord("late");
  keeper.orphaned([more], "dead");
  await pass(40_000);
  expect(more.isOwn).toBe(true);
});

test("nothing happens after it was stopped", async () => {
  keeper.orphaned([theirRecord("a")], "dead");
  keeper.stop();
  await pass(100_000);
  expect(asked).toBe(0);
});
