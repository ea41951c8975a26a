import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { serviceKey } from "../../core/model/names.ts";
import type { PolicyStore } from "../../ports/policy-store.ts";
import { openPolicyFile, readPolicyFile } from "./policy-store.ts";

const key = serviceKey("default", "orders");
const policy = { namespace: "default", service: "orders", balancing: "random" };

let folder: string;
let path: string;

beforeEach(() => {
  folder = join(scratchFolder(), "state");
  path = join(folder, "policies");
});

const open = (): PolicyStore => openPolicyFile(path, new FakeClock());
const write = (store: PolicyStore, changeId: string): Promise<unknown> =>
  store.write({ key, policy, expected: "", changedBy: "ann", changeId });

test.each([
  ["cut short", (bytes: Buffer) => bytes.subarray(0, -3)],
  ["changed", (bytes: Buffer) => Buffer.from(bytes.toString().replace("random", "rANdom"))],
  ["another file", () => Buffer.from("hello\n")],
  ["empty", () => Buffer.alloc(0)],
])("a file that is %s is set aside, named, and not believed", async (_, damage) => {
  await write(open(), "1");
  writeFileSync(path, damage(readFileSync(path)));
  expect(() => readPolicyFile(path)).toThrow(/no file of policies/);
  const store = open();
  expect(store.list()).toEqual([]);
  expect(store.state.problem).toContain(`${path}.corrupt-1`);
  expect(existsSync(path)).toBe(false);
  await write(store, "2");
  expect(readPolicyFile(path)).toEqual([policy]);
});

test("an etag of a store that was made anew is not one of this store", async () => {
  const clock = new FakeClock();
  const first = openPolicyFile(path, clock);
  const { etag } = await first.write({ key, policy, expected: "", changedBy: "", changeId: "1" });
  rmSync(path);
  clock.advance(1);
  const second = openPolicyFile(path, clock);
  await write(second, "2");
  const stale = { key, policy, expected: etag, changedBy: "", changeId: "3" };
  await expect(second.write(stale)).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
});

test("what could not be written does not hold, and nobody is told of it", async () => {
  const store = open();
  await write(store, "1");
  rmSync(folder, { recursive: true });
  writeFileSync(folder, "in the way");
  const told: string[] = [];
  store.watch((changed) => told.push(changed));
  const other = serviceKey("default", "carts");
  const change = { key: other, policy, expected: "", changedBy: "", changeId: "2" };
  await expect(store.write(change)).rejects.toMatchObject({ code: "STORAGE_FAILED" });
  expect(store.get(other)).toBeUndefined();
  expect(told).toEqual([]);
});

test("a file that is missing cannot be imported", () => {
  expect(() => readPolicyFile(path)).toThrow(/does not exist/);
});
