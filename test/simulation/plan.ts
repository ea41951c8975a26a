import type { Random } from "../../src/core/model/random.ts";
import { seededRandom } from "../support/seeded-random.ts";

/** What can go wrong in a world. Each seed switches on a random subset. */
export const FAULTS = [
  "crash_replica",
  "stop_replica",
  "pause_replica",
  "clock_step",
  "lost_disk",
  "slow_disk",
  "full_disk",
  "broken_stream",
  "partition",
  "one_way_partition",
  "delay",
  "slow_watcher",
  "crash_agent",
  "pause_agent",
  "crash_client",
  "pause_client",
  "twin_client",
  "unreadable_endpoint",
  "replica_partition",
  "replica_one_way_partition",
  "bus_drop",
  "bus_duplicate",
  "bus_reorder",
  "bus_delay",
  "bus_outage",
  "bus_disconnect",
] as const;

export type Fault = (typeof FAULTS)[number];

/** What people and programs do when nothing goes wrong. */
const OPERATIONS = ["pick", "start", "stop", "health", "drain", "undrain", "evict"] as const;

export type StepKind = Fault | (typeof OPERATIONS)[number];

/** One thing that happens, and how long to wait before it. Numbers choose among what is there then. */
export interface Step {
  readonly kind: StepKind;
  readonly waitMs: number;
  readonly who: number;
  readonly what: number;
  readonly durationMs: number;
}

/** A whole run: the same plan gives the same run. */
export interface Plan {
  readonly seed: number;
  readonly replicaCount: number;
  readonly agentCount: number;
  readonly clientCount: number;
  readonly settleAfterMs: number;
  readonly steps: readonly Step[];
}

/** Of each run; the least that is worth a seed. */
export const STEPS = 520;

/** How often an operation is chosen, out of ten steps. */
const OPERATION_SHARE = 0.65;

/** Requests are what most of a mesh's life consists of. */
const OPERATION_WEIGHTS: Readonly<Record<(typeof OPERATIONS)[number], number>> = {
  pick: 8,
  start: 3,
  stop: 2,
  health: 3,
  drain: 3,
  undrain: 2,
  evict: 1,
};

/** Three is what people run; one of them alone meets other code. */
const REPLICA_COUNTS = [1, 2, 3, 3, 3, 4];

/** @param replicaCount instead of what the seed says; 0: as it says */
export function planOf(seed: number, replicaCount = 0): Plan {
  const random = seededRandom(seed);
  const share = 0.15 + random() * 0.6;
  const faults = FAULTS.filter(() => random() < share);
  const operations = OPERATIONS.flatMap((kind) =>
    Array.from({ length: OPERATION_WEIGHTS[kind] }, () => kind),
  );
  const whole = (limit: number): number => Math.floor(random() * limit);
  const drawn = REPLICA_COUNTS[whole(REPLICA_COUNTS.length)] ?? 1;
  return {
    seed,
    replicaCount: replicaCount || drawn,
    agentCount: 1 + whole(3),
    clientCount: 2 + whole(4),
    settleAfterMs: random() < 0.5 ? 30_000 : 5_000,
    steps: Array.from({ length: STEPS }, (): Step => {
      const isOperation = faults.length === 0 || random() < OPERATION_SHARE;
      const kinds: readonly StepKind[] = isOperation ? operations : faults;
      return {
        kind: kinds[whole(kinds.length)] ?? "pick",
        waitMs: waitMs(random),
        who: whole(1_000),
        what: whole(1_000),
        durationMs: logUniform(random, 50, 60_000),
      };
    }),
  };
}

/** Mostly close together, so that things meet; now and then long enough for leases to end. */
function waitMs(random: Random): number {
  const roll = random();
  if (roll < 0.35) return random() * 3;
  if (roll < 0.97) return random() * 1_000;
  return random() * 20_000;
}

function logUniform(random: Random, min: number, max: number): number {
  return Math.round(min * (max / min) ** random());
}
