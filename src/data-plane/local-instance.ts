import type { Instance, ServiceDefaults } from "../core/model/instance.ts";
import type { ProbePlan } from "./health-monitor.ts";

/** An instance beside this agent, as the configuration describes it: the agent registers and probes it. */
export interface LocalInstance {
  /** `namespace/service/id`: unique in one configuration. */
  readonly key: string;
  /** Everything that the configuration knows; identity and health of the process come at run time. */
  readonly instance: Omit<Instance, "registrationId" | "generation" | "health">;
  readonly defaults: ServiceDefaults | undefined;
  /** `undefined` when it asked for no probe: then it counts as healthy while the agent lives. */
  readonly probe: ProbePlan | undefined;
}
