import { type Agent, metrics } from "./agents.ts";
import type { Stage } from "./stage.ts";

/** How exactly the time of a last pick is known. */
const SAMPLE_MS = 100;

/** Attempts begun, per endpoint, as every agent counts them: retries included, probes not. */
const COUNTER = "weir_agent_endpoint_attempts_total";

/** Sees in the agents' metrics when an endpoint was sent a request last. */
export class PickWatch {
  readonly #agents: readonly Agent[];
  /** By agent and labels: the count, and when it last grew. */
  readonly #counts = new Map<string, { endpoint: string; value: number; grewAtMs: number }>();
  readonly #timer: NodeJS.Timeout;
  #isSampling = false;

  constructor(stage: Stage, agents: readonly Agent[]) {
    this.#agents = agents;
    this.#timer = setInterval(() => {
      if (!this.#isSampling) void this.#sample();
    }, SAMPLE_MS);
    stage.onClose(() => {
      clearInterval(this.#timer);
      return undefined;
    });
  }

  /** Wall time in ms when a pick of the endpoint was last noticed; `undefined` when none ever was. */
  lastPickMs(endpoint: string): number | undefined {
    let lastMs: number | undefined;
    for (const count of this.#counts.values()) {
      if (count.endpoint === endpoint) lastMs = Math.max(lastMs ?? 0, count.grewAtMs);
    }
    return lastMs;
  }

  async #sample(): Promise<void> {
    this.#isSampling = true;
    const sampledAtMs = Date.now();
    for (const agent of this.#agents) {
      for (const { name, labels, value } of await metrics(agent)) {
        if (name === COUNTER) this.#count(`${agent.id} ${labels}`, labels, value, sampledAtMs);
      }
    }
    this.#isSampling = false;
  }

  #count(key: string, labels: string, value: number, sampledAtMs: number): void {
    const known = this.#counts.get(key);
    if (known === undefined) {
      const endpoint = /endpoint="([^"]*)"/.exec(labels)?.[1] ?? "";
      this.#counts.set(key, { endpoint, value, grewAtMs: sampledAtMs });
    } else if (value > known.value) {
      known.value = value;
      known.grewAtMs = sampledAtMs;
    }
  }
}
