import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { serviceKey } from "../../src/core/model/names.ts";
import { MAX_REVISIONS, type PolicyRevision } from "../../src/core/policies/service-policy.ts";
import type { PolicyStore } from "../../src/ports/policy-store.ts";
import { POLICY_STORE_WORLDS } from "../support/policy-stores.ts";

const orders = serviceKey("default", "orders");
const carts = serviceKey("shop", "carts");

for (const { name, start, isHere } of POLICY_STORE_WORLDS)
  describe.skipIf(!isHere)(`a policy store in ${name}`, () => {
    let store: PolicyStore;
    let again: (() => Promise<PolicyStore>) | undefined;
    let attempts = 0;

    beforeEach(async () => {
      ({ store, again } = await start());
      onTestFinished(() => store.close());
    });

    /** Stores a policy, or takes it away without `balancing`. */
    function write(
      balancing: string | undefined,
      more: { key?: typeof orders; expected?: string; changeId?: string } = {},
    ): Promise<PolicyRevision> {
      const { key = orders, expected = "", changeId = `attempt-${++attempts}` } = more;
      const [namespace = "", service = ""] = key.split("/");
      const policy = balancing === undefined ? undefined : { namespace, service, balancing };
      return store.write({ key, policy, expected, changedBy: "ann", changeId });
    }

    test("holds what was written, in the order of keys", async () => {
      const written = await write("random", { key: carts });
      await write("peak_ewma");
      expect(store.get(carts)).toEqual(written);
      expect(store.get(carts)).toMatchObject({ changedBy: "ann", policy: { balancing: "random" } });
      expect(store.list().map(({ key }) => key)).toEqual([orders, carts]);
      expect(store.get(serviceKey("default", "nobody"))).toBeUndefined();
    });

    test("compares and sets: of two who read the same, one is refused", async () => {
      const { etag } = await write("random");
      const next = await write("round_robin", { expected: etag });
      expect(next.etag).not.toBe(etag);
      await expect(write("peak_ewma", { expected: etag })).rejects.toMatchObject({
        code: "ETAG_MISMATCH",
        detail: { info: { etag: next.etag } },
      });
      expect(store.get(orders)?.policy?.balancing).toBe("round_robin");
    });

    test("of many at once with one etag exactly one wins", async () => {
      const { etag } = await write("random");
      const all = await Promise.allSettled(
        Array.from({ length: 8 }, () => write("peak_ewma", { expected: etag })),
      );
      expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      expect(await store.history(orders)).toHaveLength(2);
    });

    test("only creates with `none`, also after a deletion", async () => {
      await write("random", { expected: "none" });
      await expect(write("random", { expected: "none" })).rejects.toThrow(/has a policy already/);
      const { etag } = await write(undefined);
      await expect(write("random", { expected: etag })).rejects.toThrow(/not there any more/);
      await write("peak_ewma", { expected: "none" });
      expect(store.get(orders)?.policy?.balancing).toBe("peak_ewma");
    });

    test("a repeated attempt happens once", async () => {
      const first = await write("random", { expected: "none", changeId: "same" });
      expect(await write("random", { expected: "none", changeId: "same" })).toEqual(first);
      expect(await store.history(orders)).toHaveLength(1);
    });

    test("a deletion stays in the history, and revisions grow on", async () => {
      const first = await write("random");
      const second = await write(undefined);
      const third = await write("round_robin");
      expect(store.list()).toHaveLength(1);
      const history = await store.history(orders);
      expect(history.map(({ policy }) => policy?.balancing)).toEqual([
        "round_robin",
        undefined,
        "random",
      ]);
      expect(first.revision).toBeLessThan(second.revision);
      expect(second.revision).toBeLessThan(third.revision);
    });

    test("keeps the last revisions only", async () => {
      for (let i = 0; i < MAX_REVISIONS + 3; i++) await write(i % 2 === 0 ? "random" : "peak_ewma");
      const history = await store.history(orders);
      expect(history).toHaveLength(MAX_REVISIONS);
      expect(history[0]).toEqual(store.get(orders));
    });

    test("tells watchers of what holds by then, until they stop", async () => {
      const seen: string[] = [];
      const stop = store.watch((key) => seen.push(`${key} ${store.get(key)?.policy?.balancing}`));
      await write("random");
      await write(undefined);
      stop();
      await write("peak_ewma");
      expect(seen).toEqual(["default/orders random", "default/orders undefined"]);
    });

    test("is there again after a restart, with its etags and its history", async () => {
      if (again === undefined) return expect(store.state.note).toMatch(/--state-dir/);
      const { etag } = await write("random");
      await write(undefined, { key: carts });
      await store.close();
      store = await again();
      expect(store.state.isWritable).toBe(true);
      expect(store.get(orders)?.etag).toBe(etag);
      expect(await store.history(carts)).toHaveLength(1);
      await write("peak_ewma", { expected: etag });
      expect(await store.history(orders)).toHaveLength(2);
    });
  });
