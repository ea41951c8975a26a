import { expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import type { Random } from "../../core/model/random.ts";
import {
  LEAVE_WITHIN_MS,
  REBALANCE_WINDOW_MS,
  STREAM_AGE_MS,
  StreamTurnover,
} from "./stream-turnover.ts";

class TestStream {
  drainedAtMs: number | undefined;
  endedAtMs: number | undefined;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  drain(): void {
    this.drainedAtMs = this.#clock.nowMs();
  }

  end(): void {
    this.endedAtMs = this.#clock.nowMs();
  }
}

function turning(count: number, random: Random = seededRandom(1), hasElsewhere = () => true) {
  const clock = new FakeClock();
  const turnover = new StreamTurnover({ clock, random, hasElsewhere });
  const streams = Array.from({ length: count }, () => new TestStream(clock));
  for (const stream of streams) turnover.opened(stream);
  return { clock, turnover, streams };
}

const asked = (streams: readonly TestStream[]) =>
  streams.filter(({ drainedAtMs }) => drainedAtMs !== undefined);

/** In steps that a sweep does not miss. */
function advance(clock: FakeClock, ms: number): void {
  for (let passedMs = 0; passedMs < ms; passedMs += 1_000) clock.advance(1_000);
}

test("streams leave when they are old, each at a time of its own", () => {
  const { clock, streams } = turning(200);
  advance(clock, STREAM_AGE_MS / 2 - 1_000);
  expect(asked(streams)).toEqual([]);
  advance(clock, STREAM_AGE_MS / 2);
  const half = asked(streams).length;
  expect(half).toBeGreaterThan(70);
  expect(half).toBeLessThan(130);
  advance(clock, STREAM_AGE_MS / 2 + 2_000);
  expect(asked(streams)).toHaveLength(200);
});

test("whoever was asked and stays is ended; whoever left is not", () => {
  const { clock, turnover, streams } = turning(2, () => 0);
  advance(clock, STREAM_AGE_MS / 2);
  const [stays, leaves] = streams;
  if (stays === undefined || leaves === undefined) throw new Error("two streams were opened");
  expect(asked(streams)).toHaveLength(2);
  turnover.closed(leaves);
  advance(clock, LEAVE_WITHIN_MS);
  expect(stays.endedAtMs).toBe(STREAM_AGE_MS / 2 + LEAVE_WITHIN_MS);
  expect(leaves.endedAtMs).toBeUndefined();
});

test("without anywhere else to go streams stay, and leave when there is", () => {
  let hasElsewhere = false;
  const { clock, turnover, streams } = turning(
    1,
    () => 0,
    () => hasElsewhere,
  );
  advance(clock, STREAM_AGE_MS);
  turnover.rebalance(1);
  advance(clock, REBALANCE_WINDOW_MS);
  expect(asked(streams)).toEqual([]);
  hasElsewhere = true;
  advance(clock, STREAM_AGE_MS);
  expect(asked(streams)).toHaveLength(1);
});

test("a rebalance asks a share of the streams within 10 s, and the others stay", () => {
  const { clock, turnover, streams } = turning(1_000);
  const chosen = turnover.rebalance(1 / 3);
  expect(chosen).toBeGreaterThan(270);
  expect(chosen).toBeLessThan(400);
  advance(clock, REBALANCE_WINDOW_MS / 2);
  const early = asked(streams).length;
  expect(early).toBeGreaterThan(chosen / 3);
  expect(early).toBeLessThan(chosen);
  advance(clock, REBALANCE_WINDOW_MS / 2 + 1_000);
  expect(asked(streams)).toHaveLength(chosen);
});

test("nobody is asked twice", () => {
  const { clock, turnover } = turning(10);
  expect(turnover.rebalance(1)).toBe(10);
  advance(clock, REBALANCE_WINDOW_MS);
  expect(turnover.rebalance(1)).toBe(0);
});

test("after a stop nobody is asked", () => {
  const { clock, turnover, streams } = turning(10);
  turnover.stop();
  advance(clock, 2 * STREAM_AGE_MS);
  expect(asked(streams)).toEqual([]);
});
