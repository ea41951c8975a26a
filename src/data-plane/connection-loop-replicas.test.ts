import { expect, test } from "vitest";
import { longest, startedLoop } from "../../test/support/connection-loop.ts";
import { streamEnd } from "../../test/support/fake-streams.ts";
import type { NameResolver } from "../ports/name-resolver.ts";
import { CONNECT_WATCHDOG_MS, REFUSED_RETRY_MS } from "./connection-loop.ts";

/** Answers from a table; a name that is not in it has no address. */
class TestResolver implements NameResolver {
  readonly asked: string[] = [];
  readonly table: Map<string, readonly string[]>;

  constructor(table: Readonly<Record<string, readonly string[]>>) {
    this.table = new Map(Object.entries(table));
  }

  async addresses(host: string): Promise<readonly string[]> {
    this.asked.push(host);
    const addresses = this.table.get(host);
    if (addresses === undefined) throw new Error("getaddrinfo ENOTFOUND");
    return addresses;
  }
}

/** Lets promises that are settled be heard. */
const heard = () => new Promise<void>((resolve) => setImmediate(resolve));

test("a name is tried address by address, and asked again for each attempt", async () => {
  const resolver = new TestResolver({ "weir.example": ["10.0.0.1", "10.0.0.2"] });
  const { clock, opened } = startedLoop(["weir.example:7400"], longest, resolver);
  await heard();
  clock.advance(CONNECT_WATCHDOG_MS + 200);
  await heard();
  resolver.table.set("weir.example", ["10.0.0.3"]);
  clock.advance(CONNECT_WATCHDOG_MS + 400);
  await heard();
  expect(opened.map(({ address }) => address)).toEqual([
    "10.0.0.1:7400",
    "10.0.0.2:7400",
    "10.0.0.3:7400",
  ]);
  expect(resolver.asked).toHaveLength(3);
});

test("people are shown the name, not the address", async () => {
  const resolver = new TestResolver({ "weir.example": ["10.0.0.1"] });
  const { last, loop } = startedLoop(["weir.example:7400"], longest, resolver);
  await heard();
  last().events.welcomed("r1", 10_000, []);
  expect(loop.state.address).toBe("weir.example:7400");
});

test("a name without an address is a failure that says so; later the old address is used", async () => {
  const resolver = new TestResolver({});
  const { clock, opened, loop } = startedLoop(["weir.example:7400"], longest, resolver);
  await heard();
  expect(loop.state.problem).toBe("weir.example: getaddrinfo ENOTFOUND");
  resolver.table.set("weir.example", ["10.0.0.1"]);
  clock.advance(200);
  await heard();
  expect(opened).toHaveLength(1);
  resolver.table.clear();
  clock.advance(CONNECT_WATCHDOG_MS + 400);
  await heard();
  expect(opened.map(({ address }) => address)).toEqual(["10.0.0.1:7400", "10.0.0.1:7400"]);
});

test("a resolver that never answers costs no more than a server that does not", async () => {
  const resolver: NameResolver = { addresses: () => new Promise(() => undefined) };
  const { clock, opened } = startedLoop(["weir.example:1", "10.0.0.9:1"], () => 0, resolver);
  await heard();
  clock.advance(CONNECT_WATCHDOG_MS);
  clock.advance(1);
  expect(opened.map(({ address }) => address)).toEqual(["10.0.0.9:1"]);
});

test("after a stop a late answer of the resolver opens nothing", async () => {
  const resolver = new TestResolver({ "weir.example": ["10.0.0.1"] });
  const { opened, loop } = startedLoop(["weir.example:7400"], longest, resolver);
  loop.stop();
  await heard();
  expect(opened).toEqual([]);
});

test("a replica that a welcome told of is where to go when the first one is lost", () => {
  const { clock, opened, last } = startedLoop(["one:1"]);
  last().events.welcomed("r1", 10_000, [
    { replicaId: "r1", address: "one:1" },
    { replicaId: "r2", address: "two:1" },
  ]);
  last().events.ended(streamEnd(14));
  clock.advance(200);
  expect(opened.map(({ address }) => address)).toEqual(["one:1", "two:1"]);
});

test("one replica of two that refuses does not keep an agent from the other", () => {
  const { clock, opened, last, log } = startedLoop(["one:1", "two:2"]);
  last().events.ended(streamEnd(16));
  expect(log.saying("error:")).toEqual([]);
  clock.advance(200);
  expect(opened).toHaveLength(2);
  last().events.ended(streamEnd(16));
  expect(log.saying("error:")).toHaveLength(1);
  clock.advance(REFUSED_RETRY_MS - 1);
  expect(opened).toHaveLength(2);
});

test("a full replica's RetryInfo does not hold up the next one", () => {
  const { clock, opened, last } = startedLoop(["one:1", "two:2"]);
  last().events.ended(streamEnd(8, { retryAfterMs: 3_000 }));
  clock.advance(200);
  expect(opened).toHaveLength(2);
});
