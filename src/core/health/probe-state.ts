/**
 * Hysteresis for active probes: several results in a row are needed to change our mind.
 *
 *     unproven --first success--> healthy --`fall` failures in a row--> unhealthy
 *                                    ^------`rise` successes in a row------'
 */

export interface ProbeThresholds {
  /** Consecutive successes that make an unhealthy instance healthy. */
  readonly rise: number;
  /** Consecutive failures that make a healthy instance unhealthy. */
  readonly fall: number;
}

/** `fall` is higher than `rise`: a wrong ejection costs capacity, a late one costs one retry. */
export const DEFAULT_PROBE_THRESHOLDS: ProbeThresholds = { rise: 2, fall: 3 };

export interface ProbeState {
  readonly isHealthy: boolean;
  /** False until the first success: a process that starts is expected to fail, once up it is up. */
  readonly isProven: boolean;
  /** Results in a row that contradict `isHealthy`. */
  readonly contrary: number;
}

/** Unhealthy until proven, so that nobody is sent to a process that is still starting. */
export const UNPROVEN: ProbeState = Object.freeze({
  isHealthy: false,
  isProven: false,
  contrary: 0,
});

/** The state after one more result. */
export function afterProbe(
  state: ProbeState,
  succeeded: boolean,
  thresholds: ProbeThresholds = DEFAULT_PROBE_THRESHOLDS,
): ProbeState {
  if (!state.isProven) return { isHealthy: succeeded, isProven: succeeded, contrary: 0 };
  if (succeeded === state.isHealthy) return { ...state, contrary: 0 };

  const contrary = state.contrary + 1;
  const needed = state.isHealthy ? thresholds.fall : thresholds.rise;
  return contrary < needed
    ? { ...state, contrary }
    : { isHealthy: succeeded, isProven: true, contrary: 0 };
}
