import { beforeEach, expect, test } from "vitest";
import { aLease } from "../../../test/support/builders.ts";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { MAX_FORMER_STATES } from "../../core/discovery/digest-history.ts";
import { EndpointSet } from "../../core/discovery/endpoint-set.ts";
import type { ControlPlane } from "./start.ts";

let clock: FakeClock;
let here: ControlPlane;
let there: ControlPlane;

beforeEach(() => {
  clock = new FakeClock();
  here = aControlPlane(clock);
  clock.advance(7);
  there = aControlPlane(clock);
  clock.advance(10);
});

function register(plane: ControlPlane, id: string, generation = 1): void {
  const of = { id, registrationId: `r-${id}` as never, generation };
  plane.replica.register(anInput(of));
  clock.advance(10);
}

/** An agent's endpoints, and how it goes from replica to replica with them. */
class MovingAgent {
  readonly set = new EndpointSet();

  /** Watches there, applies what comes, and leaves. @returns what came. */
  visit(plane: ControlPlane, meanwhile: () => void = () => undefined): string[] {
    const agent = new TestAgent(plane, "mover");
    const resume = this.set.resumeToken();
    agent.session.subscribe([{ namespace: "default", service: "orders", resume }]);
    meanwhile();
    for (const update of agent.updates) this.set.apply(update, plane.watches.epoch);
    agent.session.closed(false);
    return agent.told;
  }

  get ids(): string[] {
    return this.set.endpoints().map(({ id }) => id);
  }
}

test("the other replica has another epoch and other versions", () => {
  expect(there.watches.epoch).not.toBe(here.watches.epoch);
});

test("an agent that holds the same set is told so and sent nothing, and changes follow as deltas", () => {
  register(here, "a");
  register(here, "b");
  // The order, the versions and the generation differ; the set does not.
  for (const id of ["x", "b", "a"]) register(there, id, 2);
  void there.replica.deregisterAll([
    {
      service: "default/orders" as never,
      instanceId: "x" as never,
      registrationId: "r-x" as never,
    },
  ]);
  const agent = new MovingAgent();
  expect(agent.visit(here)).toEqual(["snapshot>2 +a:healthy +b:healthy"]);
  const version = there.replica.resolve("default", "orders").version;
  expect(agent.visit(there, () => register(there, "c"))).toEqual([
    `resumed>${version}`,
    `delta ${version}>${version + 1} +c:healthy`,
  ]);
  expect(agent.ids).toEqual(["a", "b", "c"]);
});

test("back at the first replica, what changed meanwhile comes; its old version is no shortcut", () => {
  register(here, "a");
  register(there, "a");
  register(there, "b");
  const agent = new MovingAgent();
  agent.visit(here);
  agent.visit(there);
  register(here, "b");
  expect(agent.visit(here)).toEqual(["resumed>2"]);
  register(there, "c");
  agent.visit(there);
  expect(agent.visit(here)).toEqual(["snapshot>2 +a:healthy +b:healthy"]);
  expect(agent.ids).toEqual(["a", "b"]);
});

test("a replica that is not settled and knows less takes nothing away, until it knows", () => {
  const late = aControlPlane(clock, { settleAfterMs: 5_000 });
  register(here, "a");
  register(here, "b");
  register(late, "a");
  const agent = new MovingAgent();
  agent.visit(here);
  expect(agent.visit(late)).toEqual(["snapshot>1 +a:healthy unsettled"]);
  expect(agent.ids).toEqual(["a", "b"]);
  clock.advance(5_000);
  expect(agent.visit(late)).toEqual(["resumed>1"]);
  expect(agent.ids).toEqual(["a"]);
});

test("a replica that is not settled and knows nothing yet leaves everything as it is", () => {
  const empty = aControlPlane(clock, { settleAfterMs: 30_000 });
  register(here, "a");
  const agent = new MovingAgent();
  agent.visit(here);
  expect(agent.visit(empty)).toEqual(["pending>0 unsettled"]);
  expect(agent.ids).toEqual(["a"]);
});

test("every answer says how far the replica has heard each origin, as of when its bytes were made", () => {
  let sequence = 3;
  const positions = () => [{ replicaId: "r2", epoch: 5, sequence }];
  const plane = aControlPlane(clock, { positions });
  register(plane, "a");
  const agent = new TestAgent(plane, "agent").watch();
  sequence = 4;
  clock.advance(10);
  register(plane, "b");
  expect(agent.updates.map((update) => update.positions?.[0]?.sequence)).toEqual([3, 4]);
});

test("an agent that holds what this replica had a moment ago is told so, and then what changed since", () => {
  for (const plane of [here, there]) {
    register(plane, "a");
    register(plane, "b");
  }
  const agent = new MovingAgent();
  agent.visit(here);
  register(there, "c");
  void there.replica.deregister(aLease("a", "r-a"));
  clock.advance(10);
  expect(agent.visit(there)).toEqual([
    "resumed>2 unsettled",
    "delta 2>4 +c:healthy -a:deregistered",
  ]);
  expect(agent.ids).toEqual(["b", "c"]);
  expect(agent.visit(there)).toEqual(["resumed>4"]);
});

test("what this replica no longer remembers comes as a snapshot", () => {
  for (const plane of [here, there]) register(plane, "a");
  const agent = new MovingAgent();
  agent.visit(here);
  for (let i = 0; i <= MAX_FORMER_STATES; i++) register(there, `b${i}`);
  const [first] = agent.visit(there);
  expect(first).toMatch(/^snapshot>/);
});
