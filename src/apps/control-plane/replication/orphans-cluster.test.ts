import { beforeEach, describe, expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { anInput } from "../../../../test/support/control-plane.ts";
import { FakeCluster } from "../../../../test/support/fake-cluster.ts";
import type { RegistrationId } from "../../../core/model/names.ts";
import type { AttachSession } from "../../../ports/registry-service.ts";
import type { ControlPlane } from "../start.ts";

/** Until a replica is dead, its clients have had two leases, and the adopter has asked. */
const ADOPTED_MS = 60_000;

let cluster: FakeCluster;
let one: ControlPlane;
let two: ControlPlane;
let three: ControlPlane;
let four: ControlPlane;

const doorOf = (i: number) => ({ kind: "ip" as const, value: `10.0.0.${i + 1}` });

/** A process that keeps `i0`, `i1`... at one replica, in one session. */
class Client {
  readonly notices: string[] = [];
  readonly #count: number;
  #generation = 0;
  #session: AttachSession | undefined;

  constructor(count: number) {
    this.#count = count;
  }

  attach(plane: ControlPlane): void {
    this.#session = plane.replica.attach("client", {
      notice: ({ instanceId }, kind) => void this.notices.push(`${instanceId} ${kind}`),
      drain() {},
      end() {},
    });
    this.register();
  }

  register(): void {
    this.#generation++;
    for (let i = 0; i < this.#count; i++) {
      const of = { id: `i${i}`, registrationId: `r${i}` as RegistrationId, address: doorOf(i) };
      this.#session?.register(anInput({ ...of, generation: this.#generation }));
    }
    this.#session?.flush();
  }

  beat(): void {
    this.#session?.beat();
  }
}

/** Lets time pass in which the client beats. */
async function pass(ms: number, client?: Client): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1_000) {
    client?.beat();
    await cluster.pass(1_000, 20);
  }
}

/** `id generation+adoption state@owner` as a replica has it. */
function viewOf({ replica: { registry, replicaId } }: ControlPlane): string {
  const records = [...(registry.services.get(aLease("").service)?.records.values() ?? [])];
  return records
    .map(({ id, instance, adoption, endpoint, group }) => {
      return `${id} ${instance.generation}+${adoption} ${endpoint.state}@${group.ownerId || replicaId}`;
    })
    .sort()
    .join(" ");
}

const agree = (...planes: readonly ControlPlane[]) => new Set(planes.map(viewOf)).size === 1;

beforeEach(async () => {
  cluster = new FakeCluster();
  [one, two, three, four] = ["one", "two", "three", "four"].map((id) => cluster.replica(id)) as [
    ControlPlane,
    ControlPlane,
    ControlPlane,
    ControlPlane,
  ];
  await pass(3_000);
});

describe("a replica dies and its clients, too", () => {
  test("who answers stays as suspect, with one owner; where nothing listens it ends everywhere", async () => {
    const client = new Client(10);
    client.attach(one);
    await pass(1_000, client);
    cluster.refused.add("10.0.0.1:8080");
    cluster.network.disconnect("one");
    await pass(40_000);
    expect(viewOf(two)).toContain("i0 1+0 healthy@one");
    await pass(ADOPTED_MS - 40_000);
    await pass(15_000);
    expect(agree(two, three, four)).toBe(true);
    expect(viewOf(two)).not.toContain("i0 ");
    expect(viewOf(two).match(/1\+1 suspect@(two|three|four)/g)).toHaveLength(9);
    await pass(600_000);
    expect(viewOf(two).match(/1\+1 suspect/g)).toHaveLength(9);
  });

  test("the last endpoint of a service stays although nothing listens there", async () => {
    const client = new Client(1);
    client.attach(one);
    await pass(1_000, client);
    cluster.refused.add("10.0.0.1:8080");
    cluster.network.disconnect("one");
    await pass(ADOPTED_MS + 60_000);
    expect(agree(two, three, four)).toBe(true);
    expect(viewOf(two)).toMatch(/^i0 1\+1 suspect@/);
  });

  test("when many are refused at once, none is believed to be gone", async () => {
    const client = new Client(12);
    client.attach(one);
    await pass(1_000, client);
    for (let i = 0; i < 12; i++) cluster.refused.add(`10.0.0.${i + 1}:8080`);
    cluster.network.disconnect("one");
    await pass(ADOPTED_MS + 30_000);
    expect(agree(two, three, four)).toBe(true);
    expect(viewOf(two).match(/suspect/g)?.length).toBeGreaterThanOrEqual(6);
  });

  test("the adopters die in turn: the next ones take over", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(ADOPTED_MS + 15_000);
    cluster.network.disconnect("two");
    await pass(ADOPTED_MS + 60_000);
    expect(agree(three, four)).toBe(true);
    expect(viewOf(three)).not.toMatch(/@(one|two)/);
    expect(viewOf(three).match(/suspect/g)).toHaveLength(6);
  });
});

describe("a replica dies, and its clients attach elsewhere", () => {
  test("in time: nothing is ever adopted, nor suspect", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(20_000);
    client.attach(two);
    await pass(ADOPTED_MS * 2, client);
    expect(agree(two, three, four)).toBe(true);
    expect(viewOf(two).match(/2\+0 healthy@two/g)).toHaveLength(6);
    expect(client.notices).toEqual([]);
  });

  test("late: they have their instances back, healthy at once", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(ADOPTED_MS + 15_000);
    client.attach(three);
    await pass(2_000, client);
    expect(agree(two, three, four)).toBe(true);
    expect(viewOf(two).match(/2\+\d healthy@three/g)).toHaveLength(6);
  });
});

describe("a replica that was thought dead returns", () => {
  test("with its clients: they attach anew, and all is as before", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(ADOPTED_MS + 15_000, client);
    expect(viewOf(one).match(/1\+0 healthy@one/g)).toHaveLength(6);
    cluster.network.connect("one");
    await pass(5_000, client);
    expect([...client.notices].sort()).toEqual([0, 1, 2, 3, 4, 5].map((i) => `i${i} reattach`));
    client.register();
    await pass(5_000, client);
    expect(agree(one, two, three, four)).toBe(true);
    expect(viewOf(two).match(/2\+\d healthy@one/g)).toHaveLength(6);
    await pass(ADOPTED_MS * 2, client);
    expect(viewOf(two).match(/2\+\d healthy@one/g)).toHaveLength(6);
    expect(client.notices).toHaveLength(6);
  });

  test("before anybody acted: nothing changes", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(30_000, client);
    cluster.network.connect("one");
    await pass(ADOPTED_MS * 2, client);
    expect(agree(one, two, three, four)).toBe(true);
    expect(viewOf(two).match(/1\+0 healthy@one/g)).toHaveLength(6);
    expect(client.notices).toEqual([]);
  });

  test("with a new life that knows nothing: the old one's instances are served until they are claimed", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(5_000);
    const again = cluster.replica("one");
    await pass(10_000);
    expect(viewOf(two).match(/1\+0 healthy@one/g)).toHaveLength(6);
    client.attach(again);
    await pass(ADOPTED_MS * 2, client);
    expect(agree(again, two, three, four)).toBe(true);
    expect(viewOf(two).match(/2\+0 healthy@one/g)).toHaveLength(6);
  });

  test("with two new lives in a row that know nothing: what the first one held is not forgotten", async () => {
    const client = new Client(2);
    client.attach(one);
    await pass(1_000, client);
    for (let life = 0; life < 2; life++) {
      cluster.network.kill("one");
      one = cluster.replica("one");
      await pass(5_000);
    }
    await pass(ADOPTED_MS);
    expect(viewOf(two).match(/i\d 1\+1 suspect@(two|three|four)/g)).toHaveLength(2);
    expect(agree(one, two, three, four)).toBe(true);
  });

  test("with a new life, and its clients do not: they are asked about", async () => {
    const client = new Client(6);
    client.attach(one);
    await pass(1_000, client);
    cluster.network.disconnect("one");
    await pass(5_000);
    const again = cluster.replica("one");
    await pass(ADOPTED_MS * 3);
    expect(agree(again, two, three, four)).toBe(true);
    expect(viewOf(again).match(/1\+1 suspect/g)).toHaveLength(6);
  });
});

test("half of a cluster that is cut off judges nobody in haste, and all agree afterwards", async () => {
  const [left, right] = [new Client(3), new Client(6)];
  left.attach(one);
  right.attach(three);
  await pass(1_000, left);
  cluster.network.partition(["one", "two"], ["three", "four"]);
  for (let i = 0; i < 120; i++) {
    right.beat();
    await pass(1_000, left);
  }
  cluster.network.calm();
  for (let i = 0; i < 30; i++) {
    right.beat();
    await pass(1_000, left);
  }
  expect(agree(one, two, three, four)).toBe(true);
  expect(viewOf(one).match(/i\d /g)).toHaveLength(6);
});

test("a replica that starts anew twice leaves nobody behind", async () => {
  const client = new Client(3);
  client.attach(one);
  await pass(1_000, client);
  cluster.replica("one");
  await pass(5_000);
  const again = cluster.replica("one");
  await pass(ADOPTED_MS * 2);
  expect(agree(again, two, three, four)).toBe(true);
  expect(viewOf(again).match(/1\+1 suspect/g)).toHaveLength(3);
});
