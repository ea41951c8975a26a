import { expect, test } from "vitest";
import { aControlPlane, anInput, TestAgent } from "../../../../test/support/control-plane.ts";
import { FakeBusNetwork } from "../../../../test/support/fake-bus-network.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { seededRandom } from "../../../../test/support/seeded-random.ts";
import { ClusterSubjects } from "../../../core/replication/subjects.ts";
import { ReplicationWire } from "../../../io/wire/replication.ts";

/** Two replicas as they ship, with their real messages, on one fake network. */
function two() {
  const clock = new FakeClock();
  const network = new FakeBusNetwork({ clock, random: seededRandom(1) });
  const replica = (replicaId: string) =>
    aControlPlane(clock, {
      replicaId,
      cluster: {
        bus: network.join(replicaId),
        codec: new ReplicationWire("test"),
        subjects: new ClusterSubjects("test"),
        address: `${replicaId}:7400`,
        random: seededRandom(2),
      },
    });
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10);
      for (let i = 0; i < 20; i++) await null;
    }
  };
  return { network, pass, one: replica("one"), other: replica("two") };
}

test("an agent of one replica hears what registers at the other, changes there, and leaves", async () => {
  const { pass, one, other } = two();
  await pass(3_000);
  const agent = new TestAgent(other, "agent-1").watch();
  const { instance } = one.replica.register(anInput({ id: "a" }));
  await pass(50);
  agent.ack();
  one.replica.setHealth(
    {
      service: "default/orders" as never,
      instanceId: "a" as never,
      registrationId: instance.registrationId,
    },
    "unhealthy",
  );
  one.replica.publish();
  await pass(50);
  agent.ack();
  await one.replica.deregister({
    service: "default/orders" as never,
    instanceId: "a" as never,
    registrationId: instance.registrationId,
  });
  await pass(50);
  const changes = agent.told.flatMap((line) => line.match(/[+-]a:\w+/g) ?? []);
  expect(changes).toEqual(["+a:healthy", "+a:unhealthy", "-a:deregistered"]);
});

test("a client that moves to the other replica changes nothing for agents, and its old lease ends nothing", async () => {
  const { pass, one, other } = two();
  await pass(3_000);
  const agent = new TestAgent(one, "agent-1").watch();
  one.replica.register(anInput({ id: "a", generation: 1 }));
  await pass(50);
  agent.ack();
  const before = agent.told.length;
  const session = other.replica.attach("client", { notice() {}, drain() {}, end() {} });
  session.register(anInput({ id: "a", generation: 2 }));
  session.flush();
  for (let i = 0; i < 30; i++) {
    await pass(1_000);
    session.beat();
  }
  expect(agent.told.slice(before).filter((line) => line.includes(" -a"))).toEqual([]);
  expect(one.admin.status().instanceCount).toBe(1);
});

test("a replica that joins does not settle before it holds what the other owns", async () => {
  const { network, pass, one, other } = two();
  network.outage();
  one.replica.register(anInput({ id: "a" }));
  await pass(1_000);
  network.restore();
  await pass(5_000);
  expect(other.isSettled()).toBe(true);
  expect(other.admin.status().instanceCount).toBe(1);
});
