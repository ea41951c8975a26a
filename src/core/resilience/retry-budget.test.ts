import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RetryBudget } from "./retry-budget.ts";

function withdrawAll(budget: RetryBudget, nowMs: number): number {
  let count = 0;
  while (count < 100_000 && budget.tryWithdraw(nowMs)) count += 1;
  return count;
}

describe("retry budget", () => {
  test("a quiet service may retry ten times a second over the window", () => {
    expect(withdrawAll(new RetryBudget(), 0)).toBe(100);
  });

  test("every five requests pay for one retry more", () => {
    const budget = new RetryBudget({ percent: 20, minPerSecond: 0, ttlMs: 10_000 });
    for (let i = 0; i < 4; i++) budget.deposit(0);
    expect(budget.tryWithdraw(0)).toBe(false);
    budget.deposit(0);
    expect(budget.tryWithdraw(0)).toBe(true);
    expect(budget.tryWithdraw(0)).toBe(false);
  });

  test("forgets requests, and retries, when they are older than the window", () => {
    const budget = new RetryBudget({ percent: 20, minPerSecond: 1, ttlMs: 10_000 });
    for (let i = 0; i < 1_000; i++) budget.deposit(500);
    expect(withdrawAll(budget, 9_000)).toBe(210);
    expect(budget.tryWithdraw(9_999)).toBe(false);
    expect(withdrawAll(budget, 30_000)).toBe(10);
  });

  test("percent 0 without reserve never retries", () => {
    const budget = new RetryBudget({ percent: 0, minPerSecond: 0, ttlMs: 10_000 });
    for (let i = 0; i < 1_000; i++) budget.deposit(i);
    expect(budget.tryWithdraw(1_000)).toBe(false);
  });

  test("works from any time on, and when time stands or steps far", () => {
    const budget = new RetryBudget({ percent: 20, minPerSecond: 10, ttlMs: 10_000 });
    budget.deposit(5e9);
    expect(withdrawAll(budget, 5e9)).toBe(100);
    expect(withdrawAll(budget, 9e9)).toBe(100);
  });

  test("retries of any window stay below a fifth of its requests and the reserve", () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(3_000), requests: fc.nat(50) }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(steps, (script) => {
        const budget = new RetryBudget({ percent: 20, minPerSecond: 1, ttlMs: 10_000 });
        let nowMs = 0;
        let requests = 0;
        let retries = 0;
        for (const step of script) {
          nowMs += step.afterMs;
          requests += step.requests;
          for (let i = 0; i < step.requests; i++) budget.deposit(nowMs);
          retries += withdrawAll(budget, nowMs);
          // The window slides in steps of a second, so a retry may count one second short.
          const windows = 1 + nowMs / 9_000;
          expect(retries).toBeLessThanOrEqual(requests / 5 + 10 * windows);
        }
      }),
    );
  });
});
