import { availableParallelism } from "node:os";
import type { LoadReport } from "../support/load-protocol.ts";
import {
  FULL_NATS_OUTAGE,
  FULL_PARTITION,
  FULL_REPLICAS,
  type NatsOutageScale,
  type PartitionScale,
  type ReplicasScale,
  SMALL_NATS_OUTAGE,
  SMALL_PARTITION,
  SMALL_REPLICAS,
} from "./cluster-scale.ts";

/** How large a run is. */
export interface Scale {
  readonly instances: number;
  readonly requestsPerSecond: number;
  /** How long the control plane is dead in `headless`. */
  readonly headlessMs: number;
  /** The server's `--settle-after`; `undefined` is its default. */
  readonly settleAfter: string | undefined;
  /** Of the instances in `kill`. */
  readonly leaseMs: number;
  /** How many hosts, agent included, die at the end of `kill`. */
  readonly hostDeaths: number;
  /** Whether a replica is killed in `drain`, for whose agents the drain then waits half a minute. */
  readonly replicaDies: boolean;
  readonly replicas: ReplicasScale;
  readonly natsOutage: NatsOutageScale;
  readonly partition: PartitionScale;
}

/** What the issue asks for. */
export const FULL_SCALE: Scale = {
  instances: 10,
  requestsPerSecond: 1_200,
  headlessMs: 60_000,
  settleAfter: undefined,
  leaseMs: 15_000,
  hostDeaths: 2,
  replicaDies: true,
  replicas: FULL_REPLICAS,
  natsOutage: FULL_NATS_OUTAGE,
  partition: FULL_PARTITION,
};

/** The same in a minute at most, for every run of the tests. */
export const SMALL_SCALE: Scale = {
  instances: 3,
  requestsPerSecond: 200,
  headlessMs: 10_000,
  settleAfter: "1s",
  leaseMs: 5_000,
  hostDeaths: 1,
  replicaDies: false,
  replicas: SMALL_REPLICAS,
  natsOutage: SMALL_NATS_OUTAGE,
  partition: SMALL_PARTITION,
};

/** The last line of a run with `--json`. */
export interface RunResult {
  readonly name: string;
  readonly cores: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly peers: Readonly<Record<string, number>>;
}

export interface Run {
  readonly result: RunResult;
  /** What the run should have shown and did not; empty when all is well. */
  readonly shortfalls: readonly string[];
}

export function runOf(
  name: string,
  figures: Record<string, number>,
  shortfalls: readonly string[],
): Run {
  const result = { name, cores: availableParallelism(), figures, peers: {} };
  return { result, shortfalls };
}

/** The share of POSTs, and the size of their bodies. */
export const POST_SHARE = 0.2;
export const BODY_BYTES = 1_024;

/** In flight at any time: two seconds each, so that drains and graceful ends have something to wait for. */
export const SLOW_SHARE = 0.02;

/** Where the load sends its requests: by `Host`, as an application would. */
export const SERVICE = "orders";
export const HOST = "orders.weir";

/** The first failures in words; empty when there are none. */
export function failureLines(report: LoadReport): string[] {
  return report.failures.slice(0, 10).map((failure) => {
    const took = failure.endMs - failure.startMs;
    const at = new Date(failure.startMs).toISOString();
    return `${at} ${failure.method} by ${failure.target} from ${failure.instance || "?"} after ${took} ms: ${failure.error}`;
  });
}

/** The rate that was really sent; a generator that could not keep up proves less than it says. */
export function rateShortfall(report: LoadReport, wanted: number): string[] {
  const rate = report.requests / report.seconds;
  return rate >= wanted ? [] : [`the load was ${rate.toFixed(0)} requests/s instead of ${wanted}`];
}
