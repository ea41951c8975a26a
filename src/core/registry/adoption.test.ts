import { beforeEach, expect, test } from "vitest";
import { aLease, anInstance } from "../../../test/support/builders.ts";
import { adopt } from "./adoption.ts";
import { applyForeign, type ForeignRecord } from "./foreign-records.ts";
import { LeaseGroup } from "./lease.ts";
import type { InstanceRecord } from "./record.ts";
import { Registry } from "./registry.ts";

const NOW = { nowMs: 0, wallMs: 1_700_000_000_000, replicaId: "replica-a" };
const FOREIGN: ForeignRecord = {
  instance: anInstance({ generation: 3 }),
  defaults: undefined,
  firstRegisteredHlc: 1_000,
  operatorRevision: 2,
  isDraining: true,
  isSuspect: false,
  adoption: 0,
};

let told: string[];
let registry: Registry;
const group = (owner: string) => new LeaseGroup<InstanceRecord>(15_000, "", 0, owner);

beforeEach(() => {
  told = [];
  registry = new Registry({
    upserted: ({ endpoint }) => told.push(`told ${endpoint.state}`),
    removed: () => told.push("removed"),
    serviceChanged: () => undefined,
    written: ({ instance, adoption }) => told.push(`wrote ${instance.generation}+${adoption}`),
    ended: () => undefined,
    handedOver: () => told.push("handed over"),
  });
});

function held(): InstanceRecord {
  const record = registry.find(aLease("a"));
  if (record === undefined) throw new Error("there is no instance");
  return record;
}

test("what is taken over is written as ours, and agents notice nothing", () => {
  applyForeign(registry, group("b"), FOREIGN, NOW);
  told = [];
  adopt(registry, held(), group(""), 0);
  expect(told).toEqual(["wrote 3+1"]);
  expect(held()).toMatchObject({ isOwn: true, isDraining: true, operatorRevision: 2 });
});

test("the former owner's copy counts less, and a third one's adoption more", () => {
  applyForeign(registry, group("b"), FOREIGN, NOW);
  adopt(registry, held(), group(""), 0);
  expect(applyForeign(registry, group("b"), FOREIGN, NOW)).toBe("outranked");
  expect(applyForeign(registry, group("c"), { ...FOREIGN, adoption: 2 }, NOW)).toBe("applied");
  expect(told.at(-1)).toBe("handed over");
});

test("its client claims it with the next generation, wherever it is", () => {
  applyForeign(registry, group("b"), FOREIGN, NOW);
  adopt(registry, held(), group(""), 0);
  const next = { ...FOREIGN, instance: anInstance({ generation: 4 }) };
  expect(applyForeign(registry, group("c"), next, NOW)).toBe("applied");
  expect(held()).toMatchObject({ isOwn: false, adoption: 0 });
});

test("silence goes on under the new owner, and a word ends it", () => {
  const owner = group("");
  applyForeign(registry, group("b"), { ...FOREIGN, isDraining: false, isSuspect: true }, NOW);
  adopt(registry, held(), owner, 7_000);
  expect(held()).toMatchObject({ isSuspect: true, suspectSinceMs: 7_000 });
  registry.heard(owner, 8_000);
  expect(held().endpoint.state).toBe("healthy");
});

test("nobody takes over what is his own, or for somebody else", () => {
  applyForeign(registry, group("b"), FOREIGN, NOW);
  expect(() => adopt(registry, held(), group("c"), 0)).toThrow("of our own");
  adopt(registry, held(), group(""), 0);
  expect(() => adopt(registry, held(), group(""), 0)).toThrow("another replica");
});
