import { expect, test } from "vitest";
import { serviceKey } from "../model/names.ts";
import { KEEP_HISTORY_MS, MAX_CLEARED_AT_ONCE, overPolicies } from "./over-policies.ts";
import type { PolicyRevision } from "./service-policy.ts";

const NOW_MS = 1_800_000_000_000;

/** What took the policy of a service away, a month ago. */
function removal(of: Partial<PolicyRevision> & { readonly service?: string } = {}): PolicyRevision {
  const { service = "orders", ...more } = of;
  return {
    key: serviceKey("default", service),
    policy: undefined,
    revision: 7,
    changedAtMs: NOW_MS - KEEP_HISTORY_MS,
    changedBy: "ann",
    changeId: "one",
    etag: "e-7",
    ...more,
  };
}

test("over is what was taken away a month ago, and was not cleared yet", () => {
  const month = removal();
  const policy = { namespace: "default", service: "carts", balancing: "random" };
  const held = removal({ service: "carts", policy });
  const fresh = removal({ service: "fresh", changedAtMs: NOW_MS - KEEP_HISTORY_MS + 1 });
  const cleared = removal({ service: "cleared", clearedInTerm: 3 });
  const ahead = removal({ service: "ahead", changedAtMs: NOW_MS + 1 });
  expect(overPolicies([held, fresh, cleared, ahead, month], NOW_MS)).toEqual([month]);
});

test("the oldest come first, and not all at once", () => {
  const many = Array.from({ length: MAX_CLEARED_AT_ONCE + 5 }, (_, index) =>
    removal({ service: `s${index}`, revision: 1_000 - index }),
  );
  const over = overPolicies(many, NOW_MS);
  expect(over).toHaveLength(MAX_CLEARED_AT_ONCE);
  expect(over[0]).toBe(many.at(-1));
});
