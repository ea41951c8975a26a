import { expect, test } from "vitest";
import { anInput, TestAgent } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";

function isTold(agent: TestAgent, id: string): boolean {
  return agent.told.join(" ").includes(`+${id}:`);
}

test("what an agent is told at once is counted before the others are told of it", async () => {
  const cluster = new FakeCluster();
  cluster.network.everyLink({ delayMs: [0, 0] });
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  await cluster.pass(3_000);
  const agent = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a", registrationId: "r-a" as never }));
  cluster.clock.advance(0.1);
  // So soon after `a`, it waits for what else comes; but what leaves is told to agents at once.
  one.replica.register(anInput({ id: "b", registrationId: "r-b" as never }));
  const lease = { service: "default/orders", instanceId: "a", registrationId: "r-a" } as never;
  await one.replica.deregister(lease);
  expect(agent.told.at(-1)).toContain("+b:");
  cluster.network.outage();
  await cluster.pass(100);
  const moved = new TestAgent(two, "agent-1", true, agent.updates.at(-1)?.positions).watch();
  await cluster.pass(2_500);
  expect(moved.updates.map(({ settled }) => settled)).toEqual([false]);
  cluster.network.restore();
  await cluster.pass(5_000);
  moved.ack();
  expect(isTold(moved, "b")).toBe(true);
  expect(moved.updates.at(-1)).toMatchObject({ settled: true });
});
