import { act } from "./actions.ts";
import type { Break } from "./breaks.ts";
import { heal, whyNotConverged } from "./healed.ts";
import type { Fault, Plan } from "./plan.ts";
import { World } from "./world.ts";

/**
 * After the last fault: a replica that starts anew settles after 30 s, and clients wait 10 s at most.
 * With several, what nobody claims is adopted after two leases and some seconds of certainty, and a
 * minute later when whoever should adopt it does not hold it.
 */
const CONVERGED_WITHIN_MS = { alone: 75_000, several: 150_000 };

/** Everything holds for so long, and not for a moment only. */
const STEADY_MS = 5_000;

const LOOK_EVERY_MS = 500;

export interface RunResult {
  readonly seed: number;
  /** What went wrong first; `undefined` when nothing did. */
  readonly violation: string | undefined;
  readonly trace: readonly string[];
  readonly fired: ReadonlyMap<Fault, number>;
  readonly stepCount: number;
  readonly eventCount: number;
  /** From the healing until everything agreed. */
  readonly convergedMs: number;
}

/** Runs one plan from its first step to agreement. */
export async function run(
  plan: Plan,
  options: { readonly planted?: Break | undefined; readonly isTracing?: boolean } = {},
): Promise<RunResult> {
  const world = new World(plan, {
    isTracing: options.isTracing ?? false,
    planted: options.planted,
  });
  const repair = options.planted?.plant();
  let convergedMs = 0;
  let stepCount = 0;
  try {
    world.start();
    await world.timeline.settle();
    for (const step of plan.steps) {
      await advance(world, step.waitMs);
      if (world.violation !== undefined) break;
      stepCount++;
      act(world, step);
      await world.timeline.settle();
      world.check();
    }
    if (world.violation === undefined) convergedMs = await converge(world);
  } catch (error) {
    world.violate(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    repair?.();
  }
  const { violation, trace, fired, timeline } = world;
  const { eventCount } = timeline;
  return { seed: plan.seed, violation, trace, fired, stepCount, eventCount, convergedMs };
}

async function advance(world: World, byMs: number): Promise<void> {
  await world.timeline.runUntil(world.timeline.nowMs + byMs, () => world.check());
}

/** @returns how long it took. */
async function converge(world: World): Promise<number> {
  heal(world);
  const startMs = world.timeline.nowMs;
  let sinceMs: number | undefined;
  let reason: string | undefined;
  const withinMs = CONVERGED_WITHIN_MS[world.replicas.length === 1 ? "alone" : "several"];
  while (world.timeline.nowMs - startMs < withinMs + STEADY_MS) {
    await advance(world, LOOK_EVERY_MS);
    if (world.violation !== undefined) return 0;
    const why = whyNotConverged(world);
    reason = why ?? reason;
    if (why !== undefined) sinceMs = undefined;
    else sinceMs ??= world.timeline.nowMs;
    if (sinceMs !== undefined && world.timeline.nowMs - sinceMs >= STEADY_MS) {
      return sinceMs - startMs;
    }
  }
  world.violate(`after ${withinMs / 1_000} s of calm: ${reason}`);
  return 0;
}
