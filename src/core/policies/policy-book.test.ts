import { beforeEach, expect, test } from "vitest";
import { type ServiceKey, serviceKey } from "../model/names.ts";
import { PolicyBook } from "./policy-book.ts";
import { MAX_POLICIES, type PolicyRevision } from "./service-policy.ts";

const orders = serviceKey("default", "orders");
const carts = serviceKey("default", "carts");

let book: PolicyBook;
beforeEach(() => {
  book = new PolicyBook();
});

function decided(
  key: ServiceKey,
  revision: number,
  more: Partial<PolicyRevision> = {},
): PolicyRevision {
  const by = { changedAtMs: revision, changedBy: "ann", changeId: `c${revision}` };
  return { key, policy: undefined, revision, etag: `e-${revision}`, ...by, ...more };
}

const random = { namespace: "default", service: "orders", balancing: "random" };
const revisionsOf = (key: ServiceKey): number[] =>
  book.history(key).map(({ revision }) => revision);

test("what a leader cleared has no history, and only that it is over is known", () => {
  book.record(decided(orders, 1, { policy: random }));
  book.record(decided(orders, 2));
  book.record(decided(orders, 3, { clearedInTerm: 5 }));
  expect(revisionsOf(orders)).toEqual([]);
  expect(book.get(orders)).toBeUndefined();
  expect(book.latest()).toMatchObject([{ revision: 3, clearedInTerm: 5 }]);
  expect(book.revisions()).toHaveLength(1);
  expect(book.lastRevision).toBe(3);
});

test("a service that was cleared gets a policy again, whatever arrives late", () => {
  book.record(decided(orders, 3, { clearedInTerm: 5 }));
  book.record(decided(orders, 4, { policy: random }));
  expect(book.record(decided(orders, 2, { policy: random }))).toBe(false);
  expect(revisionsOf(orders)).toEqual([4]);
  expect(book.get(orders)?.revision).toBe(4);
});

test("a former leader takes nothing away, and the next one still can", () => {
  book.record(decided(orders, 1, { policy: random }));
  book.record(decided(orders, 2));
  book.record(decided(carts, 3));
  book.record(decided(carts, 4, { clearedInTerm: 9 }));
  book.record(decided(orders, 5, { clearedInTerm: 5 }));
  expect(revisionsOf(orders)).toEqual([5, 2, 1]);
  expect(book.get(orders)).toBeUndefined();
  expect(book.latest().map(({ clearedInTerm }) => clearedInTerm)).toEqual([undefined, 9]);
  book.record(decided(orders, 6, { clearedInTerm: 9 }));
  expect(revisionsOf(orders)).toEqual([]);
});

test("told again from its copy, it refuses the same", () => {
  book.record(decided(orders, 1, { clearedInTerm: 5 }));
  book.record(decided(carts, 2, { clearedInTerm: 9 }));
  book.record(decided(orders, 3, { policy: random }));
  book.record(decided(orders, 4));
  const copy = new PolicyBook();
  for (const revision of book.revisions()) copy.record(revision);
  expect(copy.latest()).toEqual(book.latest());
  expect(copy.highestTerm).toBe(9);
  copy.record(decided(orders, 5, { clearedInTerm: 8 }));
  expect(copy.history(orders)).toHaveLength(3);
});

test("what was cleared takes no place of the limit", () => {
  for (let i = 1; i <= MAX_POLICIES; i++) {
    book.record(decided(serviceKey("default", `s${i}`), i));
  }
  expect(() => book.admit(orders, "")).toThrow(/its limit/);
  book.record(decided(serviceKey("default", "s1"), MAX_POLICIES + 1, { clearedInTerm: 1 }));
  expect(() => book.admit(orders, "")).not.toThrow();
  book.record(decided(orders, MAX_POLICIES + 2, { policy: random }));
  expect(() => book.admit(serviceKey("default", "s1"), "")).toThrow(/its limit/);
  expect(() => book.admit(orders, "")).not.toThrow();
});
