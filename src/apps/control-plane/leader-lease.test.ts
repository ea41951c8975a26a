import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { FakeLog } from "../../../test/support/fake-streams.ts";
import { TermGate } from "../../core/leadership/term-gate.ts";
import type { LeaseCell } from "../../ports/leadership.ts";
import { LeaderLease } from "./leader-lease.ts";

const TTL_MS = 15_000;

/** What a majority keeps; `isAway` is a network that answers nobody. */
class FakeCell {
  revision = 0;
  value = "";
  isAway = false;
  /** Answers of writes that happened get lost. */
  losesAnswers = false;

  /** The cell as one replica reaches it. */
  seenBy(reach: { isCut: boolean }): LeaseCell {
    const refuse = (): void => {
      if (this.isAway || reach.isCut) throw new Error("no answer");
    };
    return {
      read: async () => {
        refuse();
        return this.revision === 0 ? undefined : { revision: this.revision, value: this.value };
      },
      write: async (value, previous) => {
        refuse();
        if (previous !== this.revision) return undefined;
        this.value = value;
        this.revision++;
        if (this.losesAnswers) throw new Error("the answer got lost");
        return this.revision;
      },
      close: async () => undefined,
    };
  }
}

/** A replica with a clock of its own, which stands still while it is frozen. */
class Replica {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly reach = { isCut: false };
  readonly lease: LeaderLease;
  isFrozen = false;

  constructor(replicaId: string, cell: FakeCell) {
    const own = cell.seenBy(this.reach);
    this.lease = new LeaderLease({
      replicaId,
      cell: own,
      clock: this.clock,
      log: this.log,
      ttlMs: TTL_MS,
    });
  }
}

let cell: FakeCell;
let a: Replica;
let b: Replica;
beforeEach(() => {
  cell = new FakeCell();
  a = new Replica("a", cell);
  b = new Replica("b", cell);
});

/** Time passes for whoever is not frozen; never do two of them lead. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) {
    for (const { clock, isFrozen } of [a, b]) if (!isFrozen) clock.advance(500);
    await settle();
    const awake = [a, b].filter(({ isFrozen }) => !isFrozen);
    expect(awake.filter(({ lease }) => lease.term() !== undefined).length).toBeLessThan(2);
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

test("one of two leads, and goes on leading", async () => {
  await pass(10_000);
  expect(a.lease.term()).toBe(1);
  await pass(100_000);
  expect(a.lease.term()).toBe(1);
  expect(b.lease.term()).toBeUndefined();
  expect(b.lease.leader).toBe("a");
});

test("a leader that is cut off stops before another one starts", async () => {
  await pass(10_000);
  a.reach.isCut = true;
  await pass(TTL_MS);
  expect(a.lease.term()).toBeUndefined();
  await pass(TTL_MS);
  expect(b.lease.term()).toBeGreaterThan(1);
  a.reach.isCut = false;
  await pass(TTL_MS);
  expect(a.lease.term()).toBeUndefined();
  expect(a.lease.leader).toBe("b");
});

test("what a frozen leader sends when it wakes is refused", async () => {
  await pass(10_000);
  const asked = a.lease.term() ?? 0;
  a.isFrozen = true;
  await pass(3 * TTL_MS);
  const gate = new TermGate();
  expect(gate.admits(b.lease.term() ?? 0)).toBe(true);
  expect(gate.admits(asked)).toBe(false);
  a.isFrozen = false;
  a.clock.advance(3 * TTL_MS);
  expect(a.lease.term()).toBeUndefined();
});

test("without a majority nobody leads, and then one does", async () => {
  await pass(10_000);
  cell.isAway = true;
  await pass(2 * TTL_MS);
  expect([a.lease.term(), b.lease.term()]).toEqual([undefined, undefined]);
  cell.isAway = false;
  await pass(2 * TTL_MS);
  expect([a, b].filter(({ lease }) => lease.term() !== undefined)).toHaveLength(1);
});

test("a renewal whose answer got lost starts a new term at most", async () => {
  await pass(10_000);
  cell.losesAnswers = true;
  await pass(5_000);
  cell.losesAnswers = false;
  await pass(2 * TTL_MS);
  expect(a.lease.term()).toBeGreaterThan(1);
  expect(b.lease.term()).toBeUndefined();
});

test("who leaves gives the lease back at once", async () => {
  await pass(10_000);
  await a.lease.close();
  await pass(TTL_MS / 3);
  expect(b.lease.term()).toBeGreaterThan(1);
  expect(a.lease.term()).toBeUndefined();
});

test("who leads is told by all, and by nobody who has not heard of it for a term", async () => {
  expect(a.lease.leader).toBe("");
  await pass(10_000);
  expect([a.lease.leader, b.lease.leader]).toEqual(["a", "a"]);
  cell.isAway = true;
  await pass(TTL_MS + 5_000);
  expect([a.lease.leader, b.lease.leader]).toEqual(["", ""]);
});

test("a lease that does not answer for long is said once, and again after it was well", async () => {
  await pass(10_000);
  a.reach.isCut = true;
  await pass(3 * TTL_MS);
  expect(a.log.lines).toHaveLength(1);
  await pass(20 * TTL_MS);
  expect(a.log.saying("so nobody does")).toHaveLength(1);
  a.reach.isCut = false;
  await pass(TTL_MS);
  a.reach.isCut = true;
  await pass(6 * TTL_MS);
  expect(a.log.saying("so nobody does")).toHaveLength(2);
});
