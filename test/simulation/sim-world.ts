import type { Random } from "../../src/core/model/random.ts";
import type { FakeBusNetwork } from "../support/fake-bus-network.ts";
import type { Break } from "./breaks.ts";
import type { Ledger } from "./ledger.ts";
import type { Network } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { Doors } from "./sim-prober.ts";
import type { Timeline } from "./timeline.ts";

/** What everybody in a world knows of it. */
export interface SimWorld {
  readonly plan: Plan;
  readonly planted: Break | undefined;
  readonly timeline: Timeline;
  readonly random: Random;
  /** Between agents, clients and replicas. */
  readonly network: Network;
  /** Among replicas. */
  readonly bus: FakeBusNetwork;
  readonly ledger: Ledger;
  readonly doors: Doors;
  /** Of the replicas. */
  readonly addresses: string[];
  newId(prefix: string): string;
  violate(what: string): void;
  say(line: string): void;
}
