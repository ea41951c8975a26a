import { expect, test } from "vitest";
import { startedLoop } from "../../test/support/connection-loop.ts";
import { streamEnd } from "../../test/support/fake-streams.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";
import {
  CONNECT_WATCHDOG_MS,
  DRAIN_SPREAD_MS,
  HEALTHY_AFTER_MS,
  REFUSED_RETRY_MS,
} from "./connection-loop.ts";

test("a server that never answers is given up after 5 s, and the next address is tried", () => {
  const { clock, opened } = startedLoop(["one:1", "two:2"]);
  clock.advance(CONNECT_WATCHDOG_MS - 1);
  expect(opened).toHaveLength(1);
  expect(opened[0]?.isClosed).toBe(false);
  clock.advance(1);
  expect(opened[0]?.isClosed).toBe(true);
  clock.advance(200);
  expect(opened).toHaveLength(2);
  expect(new Set(opened.map(({ address }) => address))).toEqual(new Set(["one:1", "two:2"]));
});

test("silence for two and a half heartbeats is death, any message is life", () => {
  const { clock, last, opened, lostCount } = startedLoop();
  last().events.welcomed("r1", 10_000, []);
  clock.advance(24_999);
  last().events.alive();
  clock.advance(24_999);
  expect(lostCount()).toBe(0);
  clock.advance(1);
  expect(lostCount()).toBe(1);
  expect(opened[0]?.isClosed).toBe(true);
});

test("waits double from 0.2 s to 10 s, with full jitter", () => {
  const { clock, opened, last } = startedLoop();
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    last().events.ended(streamEnd(14));
    const count = opened.length;
    let waitedMs = 0;
    while (opened.length === count) {
      clock.advance(1);
      waitedMs++;
    }
    waits.push(waitedMs);
  }
  expect(waits).toEqual([200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
});

test.each([
  { heldMs: HEALTHY_AFTER_MS, nextWaitMs: 200, because: "it held for 60 s" },
  { heldMs: HEALTHY_AFTER_MS - 1, nextWaitMs: 1_600, because: "it was flapping" },
])(
  "after three failures and a connection of $heldMs ms the wait is $nextWaitMs ms: $because",
  ({ heldMs, nextWaitMs }) => {
    const { clock, opened, last } = startedLoop();
    for (let i = 0; i < 3; i++) {
      last().events.ended(streamEnd(14));
      clock.advance(1_600);
    }
    last().events.welcomed("r1", 100_000, []);
    clock.advance(heldMs);
    last().events.ended(streamEnd(14));
    const count = opened.length;
    clock.advance(nextWaitMs - 1);
    expect(opened).toHaveLength(count);
    clock.advance(1);
    expect(opened).toHaveLength(count + 1);
  },
);

test.each([1, 2, 8, 13, 14])("status %i is retried at once", (code) => {
  const { clock, opened, last, log } = startedLoop();
  last().events.ended(streamEnd(code));
  clock.advance(200);
  expect(opened).toHaveLength(2);
  expect(log.saying("error:")).toEqual([]);
});

test.each([3, 5, 7, 16])("status %i is retried slowly, loudly and for ever", (code) => {
  const { clock, opened, last, log } = startedLoop();
  for (let attempt = 1; attempt <= 3; attempt++) {
    last().events.ended(streamEnd(code));
    clock.advance(REFUSED_RETRY_MS - 1);
    expect(opened).toHaveLength(attempt);
    for (let waitedMs = 0; opened.length === attempt && waitedMs <= 10_000; waitedMs += 100) {
      clock.advance(100);
    }
    expect(opened).toHaveLength(attempt + 1);
    expect(log.saying("error:")).toHaveLength(attempt);
  }
});

test("a server's RetryInfo is the shortest wait", () => {
  const { clock, opened, last } = startedLoop();
  last().events.ended(streamEnd(8, { retryAfterMs: 3_000 }));
  clock.advance(2_999);
  expect(opened).toHaveLength(1);
  clock.advance(201);
  expect(opened).toHaveLength(2);
});

test.each([
  { addresses: ["one:1"], latestMs: 4_000 + DRAIN_SPREAD_MS, because: "there is nowhere else" },
  { addresses: ["one:1", "two:2"], latestMs: DRAIN_SPREAD_MS, because: "another one is there" },
])(
  "a drain with 4 s to wait is followed within $latestMs ms: $because",
  ({ addresses, latestMs }) => {
    const { clock, opened, last } = startedLoop(addresses);
    const first = last();
    first.events.welcomed("r1", 10_000, []);
    first.events.drained(4_000, "restart", []);
    expect(first.isClosed).toBe(true);
    clock.advance(latestMs - 2);
    expect(opened).toHaveLength(1);
    clock.advance(2);
    expect(opened).toHaveLength(2);
    expect(last().address === first.address).toBe(addresses.length === 1);
  },
);

test("what an abandoned connection still says changes nothing", () => {
  const { clock, opened, loop } = startedLoop();
  const first = opened[0];
  clock.advance(CONNECT_WATCHDOG_MS + 200);
  first?.events.welcomed("late", 10_000, []);
  first?.events.ended(streamEnd(14));
  expect(loop.isConnected).toBe(false);
  expect(opened).toHaveLength(2);
  opened[1]?.events.welcomed("r2", 10_000, []);
  expect(loop.state).toMatchObject({ isConnected: true, replicaId: "r2", problem: "" });
});

test("one line a minute tells of a lost server, not one for each attempt", () => {
  const { clock, log, last, opened } = startedLoop();
  last().events.ended(streamEnd(14, { message: "refused" }));
  clock.advance(59_000);
  expect(opened.length).toBeGreaterThan(4);
  expect(log.saying("warn:")).toHaveLength(1);
  clock.advance(60_000);
  expect(log.saying("warn:")).toHaveLength(2);
});

test("agents start at different addresses", () => {
  const addresses = ["one:1", "two:2", "three:3"];
  const firsts = Array.from({ length: 40 }, (_, seed) => {
    return startedLoop(addresses, seededRandom(seed)).last().address;
  });
  expect(new Set(firsts).size).toBe(3);
});

test("after a stop nothing is opened", () => {
  const { clock, opened, loop, last } = startedLoop();
  last().events.welcomed("r1", 10_000, []);
  loop.stop();
  clock.advance(100_000);
  expect(opened).toHaveLength(1);
  expect(opened[0]?.isClosed).toBe(true);
});
