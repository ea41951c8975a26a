import { expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { anInput, TestAgent } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";

/** Longer than it takes to be dead, and then to be forgotten. */
const FORGOTTEN_MS = 90_000;

/** `two` has forgotten `three`, to which a client came meanwhile; `one` hears both. */
async function forgotten() {
  const cluster = new FakeCluster();
  const { network } = cluster;
  const one = cluster.replica("one");
  const two = cluster.replica("two");
  const three = cluster.replica("three");
  await cluster.pass(3_000);
  network.partition(["three"], ["one", "two"]);
  await cluster.pass(FORGOTTEN_MS);
  const session = three.replica.attach("client", { notice() {}, drain() {}, end() {} });
  session.register(anInput({ id: "a", generation: 1 }));
  session.flush();
  network.link("one", "three").isCut = false;
  network.link("three", "one").isCut = false;
  await cluster.pass(2_000);
  return { cluster, one, two };
}

test("an agent that saw what a forgotten replica told since does not lose it where that one is not heard", async () => {
  const { cluster, one, two } = await forgotten();
  const agent = new TestAgent(one, "agent-1").watch();
  expect(agent.told).toEqual(["snapshot>1 +a:healthy"]);
  const moved = new TestAgent(two, "agent-1", true, agent.updates.at(-1)?.positions).watch();
  for (let i = 0; i < 5; i++) {
    await cluster.pass(1_000);
    moved.ack();
  }
  const forGood = moved.updates.findIndex(({ settled }) => settled);
  expect(moved.told.slice(0, forGood + 1).join(" ")).toContain("+a:healthy");
});

test("what a forgotten replica told others since is adopted when all of them are dead", async () => {
  const { cluster, two } = await forgotten();
  await cluster.pass(5_000);
  cluster.network.kill("one");
  cluster.network.kill("three");
  expect(two.replica.registry.find(aLease("a"))?.isSuspect).toBe(false);
  // Alone, it judges nobody for five minutes.
  await cluster.pass(400_000, 100);
  expect(two.replica.registry.find(aLease("a"))).toMatchObject({ isSuspect: true, isOwn: true });
});
