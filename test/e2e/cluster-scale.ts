import type { Population } from "./populate.ts";

/** How large the run `replicas` is, and how long its faults last. */
export interface ReplicasScale {
  readonly population: Population;
  readonly agents: number;
  readonly requestsPerSecond: number;
  readonly changesPerSecond: number;
  /** Before each fault. */
  readonly calmMs: number;
  /** How long each replica is dead. */
  readonly killedMs: readonly number[];
  readonly natsDownMs: number;
  readonly frozenMs: number;
  readonly cutMs: number;
  /** Longer than anybody should wait: what differs then is reported. */
  readonly agreeTimeoutMs: number;
}

export const FULL_REPLICAS: ReplicasScale = {
  population: {
    services: 300,
    instances: 10,
    clients: 30,
    watchers: 200,
    servicesAWatcher: 30,
    leaseMs: 15_000,
  },
  agents: 3,
  requestsPerSecond: 300,
  changesPerSecond: 50,
  calmMs: 3_000,
  // One of them for longer than it takes its peers to call it dead.
  killedMs: [1_000, 20_000, 5_000],
  natsDownMs: 3_000,
  frozenMs: 30_000,
  cutMs: 60_000,
  agreeTimeoutMs: 60_000,
};

export const SMALL_REPLICAS: ReplicasScale = {
  population: {
    services: 20,
    instances: 5,
    clients: 6,
    watchers: 20,
    servicesAWatcher: 5,
    leaseMs: 5_000,
  },
  agents: 2,
  requestsPerSecond: 100,
  changesPerSecond: 25,
  calmMs: 500,
  killedMs: [200, 1_000, 200],
  natsDownMs: 1_000,
  frozenMs: 3_000,
  cutMs: 3_000,
  agreeTimeoutMs: 30_000,
};
