import { beforeEach, expect, test } from "vitest";
import { aBus, aCluster, aMember } from "../../../test/support/check/cluster.ts";
import { anAgent } from "../../../test/support/check/facts.ts";
import { FakeCli } from "../../../test/support/fake-cli.ts";
import { FakeControlPlaneApi } from "../../../test/support/fake-control-plane-api.ts";
import { MeshError } from "../../core/model/mesh-error.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
});

/** Words of each line, however wide the columns are. */
function lines(): string[][] {
  return cli.out.split("\n").map((line) => line.split(/ {2,}/));
}

test("a server without a cluster says that it is alone", async () => {
  expect(await cli.run("members")).toBe(0);
  expect(cli.said).toBe("alone: started without --nats\n");
  expect(cli.out).toBe("");
});

test("each replica in a line, with itself first, then the bus", async () => {
  const silent = aMember({
    id: "three",
    state: "suspect",
    silentMs: 7_000,
    lag: 3,
    digest: "behind",
  });
  const [self, other] = aCluster().members;
  if (self === undefined || other === undefined) throw new Error("there are two");
  cli.api.cluster = aCluster({ members: [self, other, silent] });
  expect(await cli.run("members")).toBe(0);
  const [, one, two, three, ...rest] = lines();
  expect(one?.slice(0, 2)).toEqual(["one (self)", "ALIVE"]);
  expect(one?.at(-1)).toBe("leader");
  expect(two?.join("|")).toBe("two|ALIVE|7|40|0|agrees|+3ms|12|400ms ago|10.0.0.2:7400|1.0.0|-");
  expect(three?.slice(1, 6)).toEqual(["SUSPECT", "7", "40", "3", "behind"]);
  expect(rest.flat()).toEqual([
    "cluster weir: in sync",
    "bus connected to nats://10.0.0.9:4222 (n1) for 3m, rtt 0.4ms, 0 reconnects, 0 dropped",
    "",
  ]);
});

test("what is wrong is named", async () => {
  const denied = [{ operation: "publish", subject: "weir.a.b", fix: "allow it" } as const];
  const bus = aBus({ isConnected: false, rttMs: undefined, lastProblem: "nobody there", denied });
  const sick = aMember({
    isSettled: false,
    isIsolated: true,
    isPulling: true,
    quarantinedCount: 2,
  });
  cli.api.cluster = aCluster({
    ...{ members: [sick], bus, isSynced: false, garbageCount: 1, identity: "duplicate" },
    ...{ orphanCount: 3, unownedCount: 1 },
  });
  await cli.run("members");
  expect(cli.out).toContain("not settled, isolated, pulling, 2 refused: its clock is ahead");
  expect(cli.out).toContain("cluster weir: not in sync; 1 unreadable message");
  expect(cli.out).toContain("3 instances of replicas that are gone; 1 taken over here");
  expect(cli.out).toContain("bus not connected (nats://10.0.0.9:4222) for 3m");
  expect(cli.out).toContain("last problem: nobody there");
  expect(cli.out).toContain("bus may not publish weir.a.b: allow it");
  expect(cli.out).toContain("another process runs with this replica's id");
});

test("programs get the same fields", async () => {
  cli.api.cluster = aCluster();
  await cli.run("members -o json");
  expect(JSON.parse(cli.out)).toMatchObject({
    apiVersion: "weir/v1",
    cluster: "weir",
    members: [
      { id: "one", isSelf: true },
      { id: "two", state: "ALIVE", lag: 0, digest: "agrees", clockOffsetMs: 3 },
    ],
    bus: { isConnected: true, rttMs: 0.4 },
    isSynced: true,
    leader: "one",
  });
});

test("agents of the other replicas are only hinted at", async () => {
  cli.api.cluster = aCluster();
  cli.api.agents = [anAgent({ state: "stale", versionsBehind: 4, lagMs: 2_000 })];
  expect(await cli.run("agents")).toBe(0);
  expect(cli.out).toMatch(/web-1 .*STALE .* 4 +2s .* one /);
  expect(cli.said).toBe("1 other replica may have more: weir agents --all-replicas\n");
  expect(cli.connected).toHaveLength(1);
});

test("agents of all replicas, those that cannot be asked named", async () => {
  const gone = aMember({ id: "gone", state: "dead" });
  const mute = aMember({ id: "mute", address: "" });
  const closed = aMember({ id: "closed", address: "10.0.0.3:7400" });
  cli.api.cluster = aCluster({ members: [...aCluster().members, gone, mute, closed] });
  cli.api.agents = [anAgent()];
  const two = new FakeControlPlaneApi();
  two.agents = [anAgent({ id: "web-2", replicaId: "two" })];
  const three = new FakeControlPlaneApi();
  three.failure = new MeshError("UNREACHABLE", "nobody is there");
  cli.others.set("10.0.0.2:7400", two).set("10.0.0.3:7400", three);
  expect(await cli.run("agents --all-replicas -o json")).toBe(1);
  expect(JSON.parse(cli.out)).toMatchObject({
    agents: [
      { id: "web-1", replicaId: "one" },
      { id: "web-2", replicaId: "two" },
    ],
  });
  expect(cli.said).toContain("agents of mute are not listed: it does not say where it is reached");
  expect(cli.said).toContain("agents of closed are not listed: nobody is there");
  expect(cli.said).not.toContain("gone");
  expect(two.isClosed).toBe(true);
});
