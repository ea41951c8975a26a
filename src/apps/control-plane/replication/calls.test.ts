import { beforeEach, describe, expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { anInput, TestAgent } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";
import type { LeaseResult } from "../../../core/registry/registry.ts";
import type { DrainResult } from "../../../ports/registry-service.ts";
import type { ControlPlane } from "../start.ts";

let cluster: FakeCluster;
let planes: ControlPlane[];
let one: ControlPlane;
let two: ControlPlane;
let three: ControlPlane;

const patience = new AbortController().signal;

/** Resolves when the time that it needs has passed. */
async function during<T>(promise: Promise<T>, atMostMs = 5_000): Promise<T> {
  let isDone = false;
  const mark = () => {
    isDone = true;
  };
  promise.then(mark, mark);
  for (let ms = 0; ms < atMostMs && !isDone; ms += 10) await cluster.pass(10);
  return isDone ? promise : Promise.reject(new Error(`not done within ${atMostMs} ms`));
}

const drain = (plane: ControlPlane, deadlineMs = 10_000): Promise<DrainResult> =>
  plane.replica.drain(aLease("a"), deadlineMs, patience);

const reasons = ({ pending }: DrainResult): string[] =>
  pending.map(({ agentId, kind }) => `${agentId} ${kind}`);

const recordAt = (plane: ControlPlane, id = "a") => plane.replica.registry.find(aLease(id));

const ownersOf = (id = "a"): (string | undefined)[] =>
  planes.map((plane) => recordAt(plane, id)?.group.ownerId);

const renew = (plane: ControlPlane, ...ids: string[]): Promise<LeaseResult[]> =>
  during(Promise.resolve(plane.replica.renew(ids.map((id) => aLease(id)))));

async function passRenewing(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 4_000) {
    await cluster.pass(4_000);
    await renew(one, "a");
  }
}

beforeEach(async () => {
  cluster = new FakeCluster();
  planes = ["one", "two", "three"].map((id) => cluster.replica(id));
  [one, two, three] = planes as [ControlPlane, ControlPlane, ControlPlane];
  await cluster.pass(3_000);
  one.replica.register(anInput({ id: "a", registrationId: "ra" as never }));
  two.replica.register(anInput({ id: "b", registrationId: "rb" as never }));
  await cluster.pass(50);
});

describe("a renewal at a replica that does not own the lease", () => {
  test("reaches the owner: the lease lives, and stays where it is", async () => {
    for (let i = 0; i < 12; i++) {
      await cluster.pass(4_000);
      expect(await renew(three, "a", "b")).toEqual(["renewed", "renewed"]);
    }
    expect(ownersOf()).toEqual(["", "one", "one"]);
    await cluster.pass(17_000);
    expect(recordAt(three)).toBeUndefined();
  });

  test("is answered at once when the replica owns all of them", () => {
    expect(one.replica.renew([aLease("a")])).toEqual(["renewed"]);
  });

  test("of a lease that ended says what became of it", async () => {
    await one.replica.deregister(aLease("a"));
    await cluster.pass(50);
    expect(await renew(three, "a", "nobody")).toEqual(["not-found", "not-found"]);
  });

  test("takes the lease over when the owner is cut off, for everybody and for good", async () => {
    cluster.network.partition(["one"], ["two", "three"]);
    expect(await renew(three, "a")).toEqual(["renewed"]);
    for (let i = 0; i < 6; i++) {
      await cluster.pass(4_000);
      await renew(three, "a");
    }
    cluster.network.calm();
    for (let i = 0; i < 3; i++) {
      await cluster.pass(4_000);
      await renew(three, "a");
    }
    expect(ownersOf()).toEqual(["three", "three", ""]);
  });

  test("is not answered by a replica that cannot know the lease yet", async () => {
    const fresh = cluster.replica("four");
    await expect(Promise.resolve(fresh.replica.renew([aLease("a")]))).rejects.toMatchObject({
      code: "NOT_SYNCED",
    });
  });

  test("is passed on by a replica that hears others, and has not heard of the lease yet", async () => {
    const fresh = cluster.replica("four");
    await cluster.pass(1_200);
    const answer = Promise.resolve(fresh.replica.renew([aLease("a")]));
    expect(await during(answer)).toEqual(["renewed"]);
  });
});

describe("a drain at a replica that does not own the instance", () => {
  test("is safe at once when no agent watches, and known to all", async () => {
    expect(await during(drain(two))).toMatchObject({ outcome: "safe", agentCount: 0 });
    expect(planes.map((plane) => recordAt(plane)?.isDraining)).toEqual([true, true, true]);
    expect(ownersOf()).toEqual(["", "one", "one"]);
    expect(await during(three.replica.undrain(aLease("a")))).toBe(2);
    expect(recordAt(three)?.isDraining).toBe(false);
  });

  test("waits for the agents of all replicas", async () => {
    const agents = planes.map((plane, i) => new TestAgent(plane, `agent-${i}`).watch());
    for (const agent of agents) agent.ack();
    const answer = drain(two);
    await cluster.pass(300);
    for (const agent of agents) expect(agent.told.at(-1)).toContain("+a:draining");
    for (const agent of agents.slice(1)) {
      agent.inFlight("a", "ra", 0);
      agent.ack();
    }
    agents[0]?.inFlight("a", "ra", 2);
    agents[0]?.ack();
    const short = await during(drain(three, 500));
    expect(reasons(short)).toEqual(["agent-0 in-flight"]);
    agents[0]?.inFlight("a", "ra", 0);
    expect(await during(answer)).toMatchObject({ outcome: "safe", agentCount: 3 });
  });

  test("asks the others also when it does not wait", async () => {
    new TestAgent(one, "deaf").watch();
    expect(reasons(await during(drain(two, 0)))).toEqual(["deaf not-acknowledged"]);
  });

  test("is not satisfied by what an agent reported during an earlier drain", async () => {
    const agent = new TestAgent(one, "agent").watch();
    const first = drain(three);
    await cluster.pass(50);
    agent.inFlight("a", "ra", 0);
    agent.ack();
    expect((await during(first)).outcome).toBe("safe");
    await during(three.replica.undrain(aLease("a")));
    agent.ack();
    const again = drain(three, 600);
    await cluster.pass(50);
    agent.ack();
    expect(reasons(await during(again))).toEqual(["agent in-flight"]);
  });

  test("counts an agent that broke off at one replica where it is back", async () => {
    const agent = new TestAgent(one, "agent").watch();
    agent.ack();
    agent.session.closed(false);
    expect(reasons(await during(drain(two, 300)))).toEqual(["agent disconnected"]);
    const back = new TestAgent(three, "agent").watch();
    const answer = drain(two);
    await cluster.pass(600);
    expect(reasons(await during(drain(two, 300)))).toEqual(["agent not-acknowledged"]);
    back.inFlight("a", "ra", 0);
    back.ack();
    expect(await during(answer)).toMatchObject({ outcome: "safe", agentCount: 1 });
  });

  test("that is taken back while it waits is never safe", async () => {
    const agent = new TestAgent(two, "agent").watch();
    const answer = drain(three, 2_000);
    await cluster.pass(50);
    agent.inFlight("a", "ra", 0);
    await during(one.replica.undrain(aLease("a")));
    agent.ack();
    expect((await during(answer)).outcome).toBe("deadline");
  });

  test("is safe when the instance leaves meanwhile, and all agents know", async () => {
    const agents = planes.map((plane, i) => new TestAgent(plane, `agent-${i}`).watch());
    const answer = drain(two);
    await cluster.pass(50);
    await one.replica.deregister(aLease("a"));
    await cluster.pass(50);
    for (const agent of agents) {
      agent.inFlight("a", "ra", 0);
      agent.ack();
    }
    expect((await during(answer)).outcome).toBe("safe");
  });
});

describe("while a replica cannot be reached", () => {
  test("a drain names it until it was silent for half a minute", async () => {
    cluster.network.partition(["two"], ["one", "three"]);
    await cluster.pass(2_000);
    expect(reasons(await during(drain(one, 1_500)))).toEqual(["two replica-unreachable"]);
    await passRenewing(20_000);
    expect(reasons(await during(drain(one, 500)))).toEqual(["two replica-unreachable"]);
    await passRenewing(8_000);
    expect((await during(drain(one, 3_000))).outcome).toBe("safe");
  });

  test("and that is the one which was asked, it never says that it is safe", async () => {
    cluster.network.partition(["two"], ["one", "three"]);
    await cluster.pass(40_000);
    two.replica.register(anInput({ id: "a", registrationId: "rc" as never }));
    const answer = await during(drain(two, 2_000));
    expect(answer.outcome).toBe("deadline");
    expect(reasons(answer)).toContain("two replica-unreachable");
  });

  test("while others hear it, a drain names it for as long as that lasts", async () => {
    new TestAgent(two, "agent").watch();
    cluster.network.partition(["two"], ["one"]);
    await passRenewing(48_000);
    expect(one.admin.status().isSettled).toBe(true);
    expect(reasons(await during(drain(one, 500)))).toEqual(["two replica-unreachable"]);
  });

  test("operators can act: the decision survives the owner's return", async () => {
    cluster.network.partition(["one"], ["two", "three"]);
    await cluster.pass(1_000);
    const answer = drain(two, 2_000);
    expect(reasons(await during(answer))).toEqual(["one replica-unreachable"]);
    expect(recordAt(two)).toMatchObject({ isDraining: true, isOwn: true });
    expect(recordAt(one)?.isDraining).toBe(false);
    cluster.network.calm();
    await cluster.pass(5_000);
    expect(planes.map((plane) => recordAt(plane)?.isDraining)).toEqual([true, true, true]);
    expect(ownersOf()).toEqual(["two", "", "two"]);
    expect(await during(three.replica.undrain(aLease("a")))).toBe(2);
    expect(planes.map((plane) => recordAt(plane)?.isDraining)).toEqual([false, false, false]);
  });

  test("an instance that an operator's decision moved does not end because its client is elsewhere", async () => {
    cluster.network.partition(["one"], ["two", "three"]);
    await during(drain(two, 0));
    await cluster.pass(30_000);
    expect(recordAt(two)).toMatchObject({ isDraining: true, isOwn: true });
  });

  test("the newest decision counts, whichever side made it", async () => {
    cluster.network.partition(["one"], ["two", "three"]);
    await during(one.replica.drain(aLease("a"), 0, patience));
    await during(one.replica.undrain(aLease("a")));
    await during(one.replica.drain(aLease("a"), 0, patience));
    await during(drain(two, 0));
    await during(two.replica.undrain(aLease("a")));
    cluster.network.calm();
    await cluster.pass(5_000);
    expect(planes.map((plane) => recordAt(plane)?.isDraining)).toEqual([true, true, true]);
    expect(planes.map((plane) => recordAt(plane)?.operatorRevision)).toEqual([3, 3, 3]);
  });
});

test("an instance is deregistered and evicted at any replica, and its session is told", async () => {
  const notices: string[] = [];
  const sink = { notice: (_: unknown, kind: string) => notices.push(kind), drain() {}, end() {} };
  const session = one.replica.attach("client", sink);
  session.register(anInput({ id: "c", registrationId: "rc" as never }));
  session.flush();
  await cluster.pass(50);
  expect(await three.replica.deregister(aLease("a"))).toBe("ra");
  expect(await three.replica.evict(aLease("c"))).toBe("rc");
  await cluster.pass(50);
  for (const id of ["a", "c"]) {
    expect(planes.map((plane) => recordAt(plane, id))).toEqual([undefined, undefined, undefined]);
  }
  expect(notices).toEqual(["evicted"]);
  await cluster.pass(20_000);
  expect(planes.map((plane) => recordAt(plane, "c"))).toEqual([undefined, undefined, undefined]);
});
