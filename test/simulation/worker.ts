/** Runs the seeds that it is told, one message a seed. */
import { BREAKS } from "./breaks.ts";
import { planOf } from "./plan.ts";
import { run } from "./run.ts";

/** What a worker is asked: a range of seeds, and how far apart they are. */
export interface Order {
  readonly first: number;
  readonly count: number;
  readonly every: number;
  readonly planted: string;
  /** 0: as each seed says. */
  readonly replicas: number;
}

/** How one seed went. */
export interface Outcome {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly stepCount: number;
  readonly fired: readonly (readonly [string, number])[];
  readonly convergedMs: number;
}

/** Nobody waits for the rest any more. */
process.once("disconnect", () => process.exit(1));

process.once("message", (order: Order) => {
  work(order).then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1);
    },
  );
});

async function work({ first, count, every, planted, replicas }: Order): Promise<void> {
  for (let seed = first; seed < first + count; seed += every) {
    const result = await run(planOf(seed, replicas), { planted: BREAKS[planted] });
    const { violation, stepCount, fired, convergedMs } = result;
    const outcome: Outcome = { seed, violation, stepCount, fired: [...fired], convergedMs };
    await new Promise((resolve) => process.send?.(outcome, resolve));
  }
}
