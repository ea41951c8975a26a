import { expect, test } from "vitest";
import { endpointNamed, equalLoads } from "../../../test/support/loads.ts";
import { seededRandom } from "../../../test/support/seeded-random.ts";
import { EndpointLoad } from "./endpoint-load.ts";
import { pickUntried, usableOf } from "./untried.ts";

const random = seededRandom(1);

test("finds the one that was not tried", () => {
  const loads = equalLoads(5);
  const tried = loads.filter(({ endpoint }) => endpoint.id !== "e3");
  expect(pickUntried(loads, tried, random)?.endpoint.id).toBe("e3");
  expect(pickUntried(loads, loads, random)).toBeUndefined();
});

test("prefers the least loaded, and a master to an idle backup", () => {
  const [a, b] = equalLoads(2);
  const backup = new EndpointLoad(endpointNamed("backup", { priority: 1 }));
  if (a === undefined || b === undefined) throw new Error("two loads expected");
  a.inFlight = 7;
  b.inFlight = 5;
  expect(pickUntried([a, b, backup], [], random)).toBe(b);
  expect(pickUntried([a, b, backup], [b], random)).toBe(a);
  expect(pickUntried([a, b, backup], [a, b], random)).toBe(backup);
});

test("spreads ties", () => {
  const loads = equalLoads(3);
  const picked = new Set(Array.from({ length: 50 }, () => pickUntried(loads, [], random)));
  expect(picked.size).toBe(3);
});

test("backups are usable; draining, unhealthy and weightless endpoints are not", () => {
  const loads = [
    endpointNamed("backup", { priority: 5 }),
    endpointNamed("draining", { state: "draining" }),
    endpointNamed("unhealthy", { state: "unhealthy" }),
    endpointNamed("weightless", { weight: 0 }),
  ].map((endpoint) => new EndpointLoad(endpoint));
  expect(usableOf(loads).map(({ endpoint }) => endpoint.id)).toEqual(["backup"]);
});
