import type { Break } from "./breaks.ts";
import type { Plan, Step } from "./plan.ts";
import { type RunResult, run } from "./run.ts";
import { kindOf } from "./violation-kind.ts";

/** Runs that finding a shorter plan may cost: some seconds. */
const MAX_ATTEMPTS = 200;

/** A plan that still fails, and how. */
export interface Shrunk {
  readonly plan: Plan;
  readonly result: RunResult;
}

/**
 * Looks for a shorter plan that fails in the same way: whole kinds of steps first, then halves, quarters
 * and so on. Source: Zeller, "Simplifying and Isolating Failure-Inducing Input", 2002.
 */
export async function shrink(plan: Plan, planted: Break | undefined): Promise<Shrunk> {
  let best: Shrunk = { plan, result: await run(plan, { planted, isTracing: true }) };
  best = { ...best, plan: { ...plan, steps: plan.steps.slice(0, best.result.stepCount) } };
  const { violation } = best.result;
  if (violation === undefined) return best;
  const kind = kindOf(violation);
  let attempts = 0;
  const tries = async (steps: readonly Step[]): Promise<boolean> => {
    if (attempts++ >= MAX_ATTEMPTS || steps.length === best.plan.steps.length) return false;
    const shorter = { ...plan, steps };
    const result = await run(shorter, { planted, isTracing: true });
    const isSame = result.violation !== undefined && kindOf(result.violation) === kind;
    if (isSame) best = { plan: shorter, result };
    return isSame;
  };
  for (const stepKind of new Set(plan.steps.map((step) => step.kind))) {
    await tries(best.plan.steps.filter((step) => step.kind !== stepKind));
  }
  for (let size = best.plan.steps.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < best.plan.steps.length && attempts < MAX_ATTEMPTS; ) {
      const { steps } = best.plan;
      const isShorter = await tries([...steps.slice(0, at), ...steps.slice(at + size)]);
      if (!isShorter) at += size;
    }
  }
  return best;
}
