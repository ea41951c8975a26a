import type { Population } from "./population.ts";

/** How large a run of several replicas is, and how long its faults last. */
export interface TrialScale {
  readonly population: Population;
  readonly requestsPerSecond: number;
  readonly changesPerSecond: number;
  /** Before each fault. */
  readonly calmMs: number;
  /** Longer than anybody should wait: what differs then is reported. */
  readonly agreeTimeoutMs: number;
}

export interface ReplicasScale extends TrialScale {
  readonly agents: number;
  /** How long each replica is dead. */
  readonly killedMs: readonly number[];
  readonly natsDownMs: number;
  readonly frozenMs: number;
  readonly cutMs: number;
}

export interface NatsOutageScale extends TrialScale {
  readonly natsDownMs: number;
}

export interface PartitionScale extends TrialScale {
  /** How many kinds of cuts there are, one after another. */
  readonly cuts: number;
  readonly cutMs: number;
  /** Ids that every side claims during each cut. */
  readonly conflicts: number;
}

const FULL_POPULATION: Population = {
  services: 300,
  instances: 10,
  clients: 30,
  watchers: 200,
  servicesAWatcher: 30,
  leaseMs: 15_000,
};

const SMALL_POPULATION: Population = {
  services: 20,
  instances: 5,
  clients: 6,
  watchers: 20,
  servicesAWatcher: 5,
  // A replica that restarts settles only after the longest lease that it restored.
  leaseMs: 3_000,
};

const FULL: TrialScale = {
  population: FULL_POPULATION,
  requestsPerSecond: 300,
  changesPerSecond: 50,
  calmMs: 3_000,
  agreeTimeoutMs: 60_000,
};

const SMALL: TrialScale = {
  population: SMALL_POPULATION,
  requestsPerSecond: 100,
  changesPerSecond: 25,
  calmMs: 500,
  agreeTimeoutMs: 30_000,
};

export const FULL_REPLICAS: ReplicasScale = {
  ...FULL,
  agents: 3,
  // One of them for longer than it takes its peers to call it dead.
  killedMs: [1_000, 20_000, 5_000],
  natsDownMs: 3_000,
  frozenMs: 30_000,
  cutMs: 60_000,
};

export const SMALL_REPLICAS: ReplicasScale = {
  ...SMALL,
  agents: 2,
  killedMs: [200, 1_000, 200],
  natsDownMs: 1_000,
  frozenMs: 3_000,
  cutMs: 3_000,
};

export const FULL_NATS_OUTAGE: NatsOutageScale = {
  ...FULL,
  population: { ...FULL_POPULATION, watchers: 60 },
  changesPerSecond: 200,
  natsDownMs: 3_000,
};

export const SMALL_NATS_OUTAGE: NatsOutageScale = {
  ...SMALL,
  changesPerSecond: 50,
  natsDownMs: 2_000,
};

/** Shorter leases stand for longer cuts: what is orphaned is adopted and probed before the network heals. */
export const FULL_PARTITION: PartitionScale = {
  ...FULL,
  population: { ...FULL_POPULATION, services: 100, watchers: 60, leaseMs: 5_000 },
  cuts: 4,
  cutMs: 45_000,
  conflicts: 20,
};

export const SMALL_PARTITION: PartitionScale = {
  ...SMALL,
  cuts: 2,
  cutMs: 4_000,
  conflicts: 5,
};
