import {
  afterProbe,
  type ProbeState,
  type ProbeThresholds,
  UNPROVEN,
} from "../core/health/probe-state.ts";
import type { Health } from "../core/model/instance.ts";
import type { Random } from "../core/model/random.ts";
import type { Clock } from "../ports/clock.ts";
import type { ProbeResult, Prober, ProbeTarget } from "../ports/prober.ts";

/** Probes of many agents must not fall into step: each wait is up to this much shorter or longer. */
const JITTER = 0.1;

/** How one local instance is probed. */
export interface ProbePlan {
  readonly target: ProbeTarget;
  /** From the start of a probe to the start of the next one. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly thresholds: ProbeThresholds;
}

export interface HealthMonitorOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly prober: Prober;
  /**
   * Called with an instance's first result, whatever it is, and with every change after it.
   * Until then the instance counts as unhealthy: nobody is sent to a process that still starts.
   */
  readonly onChange: (instanceKey: string, health: Health, detail: string) => void;
}

interface Watched {
  readonly plan: ProbePlan;
  readonly abort: AbortController;
  state: ProbeState;
  hasResult: boolean;
  cancelTimer: () => void;
}

/** Probes the agent's local instances, each on its own schedule, one probe at a time. */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: HealthMonitorOptions) {
    this.#options = options;
  }

  /** Starts probing, the first time at once. A key that is probed already starts anew. */
  add(instanceKey: string, plan: ProbePlan): void {
    this.remove(instanceKey);
    const watched: Watched = {
      plan,
      abort: new AbortController(),
      state: UNPROVEN,
      hasResult: false,
      cancelTimer: () => undefined,
    };
    this.#watched.set(instanceKey, watched);
    this.#probe(instanceKey, watched);
  }

  /** Stops probing; a probe under way is cancelled and its result ignored. */
  remove(instanceKey: string): void {
    const watched = this.#watched.get(instanceKey);
    if (watched === undefined) return;
    this.#watched.delete(instanceKey);
    watched.cancelTimer();
    watched.abort.abort();
  }

  /** Unhealthy for an instance that is not probed, or has not succeeded yet. */
  healthOf(instanceKey: string): Health {
    return healthIn(this.#watched.get(instanceKey)?.state ?? UNPROVEN);
  }

  /** Stops all probes. */
  stop(): void {
    for (const instanceKey of [...this.#watched.keys()]) this.remove(instanceKey);
  }

  #probe(instanceKey: string, watched: Watched): void {
    const { clock, prober } = this.#options;
    const { target, timeoutMs } = watched.plan;
    const startedAtMs = clock.nowMs();
    prober.probe(target, timeoutMs, watched.abort.signal).then(
      (result) => this.#record(instanceKey, watched, result, startedAtMs),
      // A prober must not reject; should one do so, its instance must not stay healthy unprobed.
      (error: unknown) => {
        this.#record(instanceKey, watched, { ok: false, detail: String(error) }, startedAtMs);
      },
    );
  }

  #record(instanceKey: string, watched: Watched, result: ProbeResult, startedAtMs: number): void {
    if (watched.abort.signal.aborted) return;
    const { clock, random, onChange } = this.#options;
    const before = watched.state;
    watched.state = afterProbe(before, result.ok, watched.plan.thresholds);
    const isNews = !watched.hasResult || watched.state.isHealthy !== before.isHealthy;
    watched.hasResult = true;

    const intervalMs = watched.plan.intervalMs * (1 - JITTER + 2 * JITTER * random());
    const delayMs = Math.max(0, startedAtMs + intervalMs - clock.nowMs());
    watched.cancelTimer = clock.after(delayMs, () => this.#probe(instanceKey, watched));
    // Last, because the listener may remove the instance.
    if (isNews) onChange(instanceKey, healthIn(watched.state), result.detail);
  }
}

function healthIn(state: ProbeState): Health {
  return state.isHealthy ? "healthy" : "unhealthy";
}
