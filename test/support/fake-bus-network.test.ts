import { expect, test } from "vitest";
import type { FakeBus } from "./fake-bus.ts";
import { FakeBusNetwork } from "./fake-bus-network.ts";
import { FakeClock } from "./fake-clock.ts";
import { seededRandom } from "./seeded-random.ts";

interface Stage {
  readonly clock: FakeClock;
  readonly network: FakeBusNetwork;
  readonly a: FakeBus;
  readonly b: FakeBus;
  /** What `b` heard. */
  readonly got: number[];
  /** `a` publishes so many numbers, one each millisecond. */
  say(count: number): number[];
}

function stage(seed = 1): Stage {
  const clock = new FakeClock();
  const network = new FakeBusNetwork({ clock, random: seededRandom(seed) });
  const [a, b] = [network.join("a"), network.join("b")];
  const got: number[] = [];
  b.subscribe("x", ({ payload }) => got.push(Buffer.from(payload).readUInt32LE()));
  clock.advance(1_000);
  let next = 0;
  const say = (count: number): number[] =>
    Array.from({ length: count }, () => {
      const payload = Buffer.alloc(4);
      payload.writeUInt32LE(next);
      a.publish("x", payload);
      clock.advance(1);
      return next++;
    });
  return { clock, network, a, b, got, say };
}

test("the same seed gives the same deliveries, another one others", () => {
  const run = (seed: number): string => {
    const { network, got, say, clock } = stage(seed);
    network.everyLink({ dropShare: 0.1, duplicateShare: 0.1, reorderShare: 0.2, delayMs: [0, 30] });
    say(200);
    clock.advance(1_000);
    return JSON.stringify([got, network.fired]);
  };
  expect(run(5)).toBe(run(5));
  expect(run(5)).not.toBe(run(6));
});

test("jitter alone keeps the order", () => {
  const { network, got, say, clock } = stage();
  network.link("a", "b").delayMs = [0, 100];
  const sent = say(500);
  clock.advance(1_000);
  expect(got).toEqual(sent);
});

test("each fault does what it says, and is counted", () => {
  const { network, got, say, clock } = stage();
  network.link("a", "b").dropShare = 1;
  say(3);
  network.link("a", "b").dropShare = 0;
  network.link("a", "b").duplicateShare = 1;
  say(1);
  network.calm();
  network.link("a", "b").reorderShare = 0.5;
  const swapped = say(100);
  clock.advance(1_000);
  expect(got.slice(0, 2)).toEqual([3, 3]);
  expect(got.slice(2)).not.toEqual(swapped);
  expect(got.slice(2).sort((x, y) => x - y)).toEqual(swapped);
  expect(network.fired).toMatchObject({ dropped: 3, duplicated: 1 });
  expect(network.fired.reordered).toBeGreaterThan(20);
});

test("a cut of one way lets the other one through, and nobody notices", () => {
  const { network, a, b, got, say, clock } = stage();
  const back: string[] = [];
  a.subscribe("y", ({ payload }) => back.push(Buffer.from(payload).toString()));
  network.cut(["a"], ["b"]);
  say(2);
  b.publish("y", Buffer.from("back"));
  clock.advance(100);
  expect({ got, back, isConnected: a.state.isConnected }).toEqual({
    got: [],
    back: ["back"],
    isConnected: true,
  });
  network.calm();
  const sent = say(1);
  clock.advance(100);
  expect(got).toEqual(sent);
});

test("an outage loses what is under way; nodes come back by themselves, but not who is away", () => {
  const { network, a, b, got, clock, say } = stage();
  a.publish("x", Buffer.alloc(4));
  network.outage();
  expect(a.publish("x", Buffer.alloc(4))).toBe(false);
  network.disconnect("b");
  network.restore();
  clock.advance(1_000);
  expect([a.state.isConnected, b.state.isConnected]).toEqual([true, false]);
  network.connect("b");
  clock.advance(1_000);
  expect(b.state.isConnected).toBe(true);
  const sent = say(1);
  clock.advance(10);
  expect(got).toEqual(sent);
  expect(network.fired.lostWithConnection).toBe(1);
});

test("a frozen node reads later what waited, or is cut off when it was too long", () => {
  const { network, b, got, say, clock } = stage();
  network.freeze("b");
  const sent = say(3);
  clock.advance(1_000);
  expect(got).toEqual([]);
  network.thaw("b");
  expect(got).toEqual(sent);
  network.freeze("b");
  say(1);
  clock.advance(20_000);
  network.thaw("b");
  expect(got).toEqual(sent);
  expect(b.state.isConnected).toBe(false);
  clock.advance(1_000);
  expect(b.state).toMatchObject({ isConnected: true, reconnectCount: 1 });
});

test("a node that crashes and comes again under its name hears nothing of before", () => {
  const { network, b, got, say, clock } = stage();
  say(1);
  got.length = 0;
  const again = network.join("b");
  const heard: string[] = [];
  again.subscribe("x", () => heard.push("x"));
  clock.advance(1_000);
  say(1);
  clock.advance(10);
  expect({ got, heard }).toEqual({ got: [], heard: ["x"] });
  expect(b.publish("x", Buffer.alloc(0))).toBe(false);
});
