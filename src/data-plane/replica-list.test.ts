import { expect, test } from "vitest";
import { seededRandom } from "../../test/support/seeded-random.ts";
import { hostToResolve, placeOf, ReplicaList } from "./replica-list.ts";

/** In the order of their names. */
function listOf(...names: string[]): ReplicaList {
  return new ReplicaList(names, () => 0);
}

/** Tries one after the other, and fails each time. */
function tried(list: ReplicaList, times: number): string[] {
  return Array.from({ length: times }, () => {
    const destination = list.next();
    list.failed(destination);
    return placeOf(destination);
  });
}

const at = (address: string) => ({ name: address, address });

test("whoever failed comes last, and all have their turn", () => {
  expect(tried(listOf("a:1", "b:1", "c:1"), 6)).toEqual(["a:1", "b:1", "c:1", "a:1", "b:1", "c:1"]);
});

test("every agent has an order of its own, and the same seed has the same one", () => {
  const order = (seed: number) =>
    tried(new ReplicaList(["a:1", "b:1", "c:1"], seededRandom(seed)), 3).join();
  const orders = Array.from({ length: 60 }, (_, seed) => order(seed));
  expect(new Set(orders).size).toBe(6);
  expect(order(7)).toBe(order(7));
});

test("a replica that answered is the first choice again, wherever it stood", () => {
  const list = listOf("a:1", "b:1");
  expect(tried(list, 2)).toEqual(["a:1", "b:1"]);
  list.welcomed(at("b:1"), "r2");
  expect(tried(list, 2)).toEqual(["b:1", "a:1"]);
});

test("replicas that were told of are kept while they are told, configured ones always", () => {
  const list = listOf("a:1");
  list.told([
    { replicaId: "r1", address: "a:1" },
    { replicaId: "r2", address: "b:1" },
  ]);
  expect(tried(list, 2)).toEqual(["a:1", "b:1"]);
  list.told([{ replicaId: "r3", address: "c:1" }]);
  expect(tried(list, 2)).toEqual(["c:1", "a:1"]);
});

test("a server that says nothing of the others takes none away", () => {
  const list = listOf("a:1");
  list.told([{ replicaId: "r2", address: "b:1" }]);
  list.told([]);
  expect(list.size).toBe(2);
});

test("what is no address is not tried, and no server can fill the list", () => {
  const list = listOf("a:1");
  list.told([
    { replicaId: "r2", address: "unix:/tmp/socket" },
    { replicaId: "r3", address: "no port" },
    { replicaId: "r4", address: "" },
  ]);
  expect(list.size).toBe(1);
  list.told(Array.from({ length: 500 }, (_, i) => ({ replicaId: `r${i}`, address: `h${i}:1` })));
  expect(list.size).toBe(1 + 64);
});

test("one replica under two addresses is one, and comes last under both", () => {
  const list = listOf("10.0.0.1:1", "10.0.0.2:1");
  list.told([{ replicaId: "r1", address: "weir-1.example:1" }]);
  list.welcomed(at("10.0.0.1:1"), "r1");
  expect(list.size).toBe(2);
  list.failed(at("10.0.0.1:1"));
  // By turns of replicas, and each of its addresses in its turn.
  expect(tried(list, 4)).toEqual(["10.0.0.2:1", "weir-1.example:1", "10.0.0.2:1", "10.0.0.1:1"]);
});

test("each address of a name is tried, under the name", () => {
  const list = listOf("weir.example:7400");
  list.resolved("weir.example:7400", ["10.0.0.1", "fd00::1"]);
  expect(list.next()).toEqual({ name: "weir.example:7400", address: "10.0.0.1:7400" });
  expect(tried(list, 2)).toEqual([
    "weir.example:7400 (10.0.0.1:7400)",
    "weir.example:7400 ([fd00::1]:7400)",
  ]);
});

test("a name that leads elsewhere is followed, and what stayed keeps its place", () => {
  const list = listOf("weir.example:1");
  list.resolved("weir.example:1", ["10.0.0.1", "10.0.0.2"]);
  expect(tried(list, 1)).toEqual(["weir.example:1 (10.0.0.1:1)"]);
  list.resolved("weir.example:1", ["10.0.0.1", "10.0.0.3"]);
  expect(tried(list, 2)).toEqual(["weir.example:1 (10.0.0.3:1)", "weir.example:1 (10.0.0.1:1)"]);
});

test("the addresses of one name do not push out those of another", () => {
  const list = listOf("a.example:1", "b.example:1");
  list.resolved("a.example:1", ["10.0.0.1"]);
  expect(list.next("b.example:1")).toEqual(at("b.example:1"));
  list.resolved("unknown.example:1", ["10.0.0.9"]);
  expect(list.size).toBe(2);
});

test.each([
  { name: "weir.internal:7400", host: "weir.internal" },
  { name: "localhost:7400", host: "localhost" },
  { name: "127.0.0.1:7400", host: undefined },
  { name: "[::1]:7400", host: undefined },
  { name: "unix:/run/weir.sock", host: undefined },
])("$name is looked up as $host", ({ name, host }) => {
  expect(hostToResolve(name)).toBe(host);
});
