import { beforeEach, describe, expect, test } from "vitest";
import { aLease } from "../../../test/support/builders.ts";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { MAX_UNACKED_UPDATES } from "../../core/discovery/subscription.ts";
import type { ControlPlane } from "./start.ts";

let clock: FakeClock;
let plane: ControlPlane;
const register = (id: string, weight = 100): unknown =>
  plane.replica.register(anInput({ id, weight, registrationId: `r-${id}` as never }));

beforeEach(() => {
  clock = new FakeClock();
  plane = aControlPlane(clock);
  clock.advance(10);
});

describe("a subscription", () => {
  test("gets a snapshot, then only what changed", () => {
    register("a");
    const agent = new TestAgent(plane, "agent").watch();
    clock.advance(10);
    register("b");
    clock.advance(10);
    register("b", 7);
    expect(agent.told).toEqual([
      "snapshot>1 +a:healthy",
      "delta 1>2 +b:healthy",
      "delta 2>3 +b:healthy",
    ]);
  });

  test("shares one encoding among all watchers", () => {
    register("a");
    const agents = ["x", "y", "z"].map((id) => new TestAgent(plane, id).watch());
    clock.advance(10);
    register("b");
    const last = agents.map(({ frames }) => frames.at(-1));
    expect(last[1]).toBe(last[0]);
    expect(last[2]).toBe(last[0]);
    expect(agents[1]?.frames[0]).toBe(agents[0]?.frames[0]);
  });

  test("says nothing when nothing changed", () => {
    register("a");
    const agent = new TestAgent(plane, "agent").watch();
    for (let i = 0; i < 100; i++) register("a");
    clock.advance(100);
    expect(agent.told).toHaveLength(1);
  });

  test("of a service that nobody registered is absent, then filled", () => {
    const agent = new TestAgent(plane, "agent").watch();
    register("a");
    expect(agent.told).toEqual(["absent>0", "delta 0>1 +a:healthy"]);
    expect(agent.updates[0]?.exists).toBe(false);
  });

  test("of a service whose last instance left is told so, and that it exists", async () => {
    register("a");
    await plane.replica.deregister(aLease("a"));
    const agent = new TestAgent(plane, "agent").watch();
    expect(agent.told).toEqual(["absent>2"]);
    expect(agent.updates[0]?.exists).toBe(true);
  });

  test("to all services learns of services that come later", () => {
    const agent = new TestAgent(plane, "agent");
    agent.session.subscribeAll();
    register("a");
    expect(agent.told).toEqual(["snapshot>1 +a:healthy"]);
  });

  test("sends large sets in chunks that end with the digest of the whole", () => {
    for (const id of ["a", "b", "c", "d", "e"]) register(id);
    clock.advance(10);
    const agent = new TestAgent(plane, "agent").watch();
    expect(
      agent.updates.map(({ chunk, isLastChunk, upserts }) => [chunk, isLastChunk, upserts.length]),
    ).toEqual([
      [0, false, 2],
      [1, false, 2],
      [2, true, 1],
    ]);
    expect(agent.updates.at(-1)?.digest.count).toBe(5);
  });
});

describe("timing", () => {
  test("sends the first change at once and joins those that follow within 2 ms", () => {
    const agent = new TestAgent(plane, "agent").watch();
    clock.advance(10);
    register("a");
    register("b");
    register("c");
    expect(agent.told).toHaveLength(2);
    clock.advance(2);
    expect(agent.told.at(-1)).toBe("delta 1>2 +c:healthy +b:healthy");
  });

  test("never lets a removal wait", () => {
    register("a");
    register("b");
    const agent = new TestAgent(plane, "agent").watch();
    void plane.replica.deregister(aLease("a"));
    expect(agent.told.at(-1)).toContain("-a:deregistered");
  });

  test("says an id once: a takeover is an upsert, not a removal", () => {
    register("a");
    const agent = new TestAgent(plane, "agent").watch();
    plane.replica.register(anInput({ id: "a", registrationId: "new" as never }));
    expect(agent.told.at(-1)).toBe("delta 1>2 +a:healthy");
  });
});

describe("resuming", () => {
  const resume = (
    agent: TestAgent,
    token: { epoch: number; version: number; digest: never },
  ): void => agent.session.subscribe([{ namespace: "default", service: "orders", resume: token }]);
  const tokenOf = (agent: TestAgent, epoch = plane.watches.epoch) => {
    const { version, digest } = agent.updates.at(-1) as { version: number; digest: unknown };
    return { epoch, version, digest: digest as never };
  };

  test("with the same digest costs no content, in any epoch", () => {
    register("a");
    const before = new TestAgent(plane, "agent").watch();
    const again = new TestAgent(plane, "agent");
    resume(again, tokenOf(before, 1));
    expect(again.told).toEqual(["resumed>1"]);
    clock.advance(10);
    register("b");
    expect(again.told.at(-1)).toBe("delta 1>2 +b:healthy");
  });

  test("survives a subscription to everything that follows it", () => {
    register("a");
    const token = tokenOf(new TestAgent(plane, "agent").watch());
    const again = new TestAgent(plane, "agent");
    resume(again, token);
    again.session.subscribeAll();
    expect(again.told).toEqual(["resumed>1"]);
  });

  test("within the ring costs the difference", async () => {
    register("a");
    register("b");
    const before = new TestAgent(plane, "agent").watch();
    const token = tokenOf(before);
    await plane.replica.deregister(aLease("a"));
    const again = new TestAgent(plane, "agent");
    resume(again, token);
    expect(again.told).toEqual([expect.stringMatching(/^delta .*-a:deregistered$/)]);
  });

  test("from another epoch with what we had before costs the difference", () => {
    register("a");
    const token = tokenOf(new TestAgent(plane, "agent").watch(), 7);
    clock.advance(10);
    register("b");
    const again = new TestAgent(plane, "agent");
    resume(again, { ...token, version: 99 });
    expect(again.told).toEqual(["resumed>1 unsettled", "delta 1>2 +b:healthy"]);
  });

  test("from another epoch with other content gets the whole set", () => {
    register("a");
    const token = tokenOf(new TestAgent(plane, "agent").watch(), 7);
    clock.advance(10);
    register("b");
    const again = new TestAgent(plane, "agent");
    resume(again, { ...token, digest: { count: 1, sum: 1n } as never });
    expect(again.told).toEqual(["snapshot>2 +a:healthy +b:healthy"]);
  });

  test("from before the ring gets the whole set", () => {
    register("a");
    const token = tokenOf(new TestAgent(plane, "agent").watch());
    for (let i = 0; i < 2_000; i++) {
      register("b", i);
      clock.advance(3);
    }
    const again = new TestAgent(plane, "agent");
    resume(again, token);
    expect(again.told).toEqual(["snapshot>2001 +a:healthy +b:healthy"]);
  });
});

describe("a slow watcher", () => {
  test("is sent nothing while it cannot take it, then one merged delta", () => {
    register("a");
    const agent = new TestAgent(plane, "agent").watch();
    agent.canTake = false;
    clock.advance(10);
    register("b");
    for (const id of ["c", "d", "b"]) {
      clock.advance(10);
      register(id, 5);
    }
    expect(agent.told.at(-1)).toBe("delta 1>2 +b:healthy");
    agent.canTake = true;
    agent.session.writable();
    expect(agent.told.at(-1)).toBe("delta 2>5 +b:healthy +d:healthy +c:healthy");
  });

  test("may owe 64 acknowledgements, and gets the rest in one after it pays", () => {
    const agent = new TestAgent(plane, "agent").watch();
    agent.ack();
    for (let i = 0; i < 200; i++) {
      clock.advance(10);
      register(`i${i}`);
    }
    expect(agent.told).toHaveLength(1 + MAX_UNACKED_UPDATES);
    agent.ack();
    expect(agent.told).toHaveLength(2 + MAX_UNACKED_UPDATES);
    expect(agent.updates.at(-1)?.upserts).toHaveLength(200 - MAX_UNACKED_UPDATES);
  });

  test("is cut after 30 s without any acknowledgement, and an observer is not", () => {
    register("a");
    const agent = new TestAgent(plane, "agent").watch();
    const observer = new TestAgent(plane, "observer", false).watch();
    clock.advance(29_000);
    expect(agent.endedWith).toBeUndefined();
    clock.advance(2_000);
    expect(agent.endedWith).toMatchObject({ code: "SLOW_WATCHER" });
    expect(observer.endedWith).toBeUndefined();
  });
});

describe("settling", () => {
  beforeEach(() => {
    clock = new FakeClock();
    plane = aControlPlane(clock, { settleAfterMs: 30_000 });
  });

  /** Half a minute in which `a` keeps its lease. */
  const settle = (): void => {
    for (let s = 0; s < 6; s++) {
      clock.advance(5_000);
      void plane.replica.renew([aLease("a")]);
    }
    clock.advance(1);
  };

  test("turns pending into an answer, and unsettled into settled", () => {
    register("a");
    const unknown = new TestAgent(plane, "x").watch("carts");
    const known = new TestAgent(plane, "y").watch();
    settle();
    expect(unknown.told).toEqual(["pending>0 unsettled", "absent>0"]);
    expect(known.told).toEqual(["snapshot>1 +a:healthy unsettled", "resumed>1"]);
  });

  test("sends the whole list to an agent that holds more than it was told", () => {
    register("a");
    const agent = new TestAgent(plane, "agent").watch();
    agent.ack({ held: true });
    settle();
    expect(agent.told.at(-1)).toBe("snapshot>1 +a:healthy");
  });
});
