/**
 * One line of `/readyz?verbose`. `degraded` is worth knowing, and no reason to send anybody elsewhere;
 * a program with something `failing` is not ready.
 */
export interface ReadinessCheck {
  readonly name: string;
  readonly state: "ok" | "degraded" | "failing";
  /** What it is, and why; `""` when there is nothing to say. */
  readonly why: string;
}

const MARKS = { ok: "+", degraded: "!", failing: "-" } as const;

export function readinessCheck(
  name: string,
  state: ReadinessCheck["state"],
  why = "",
): ReadinessCheck {
  return { name, state, why };
}

/** All is well with it unless there is a problem. */
export function degradedBy(name: string, problem: string): ReadinessCheck {
  return readinessCheck(name, problem === "" ? "ok" : "degraded", problem);
}

/** A line for each check, and the verdict. */
export function readinessText(checks: readonly ReadinessCheck[]): string {
  const lines = checks.map(
    ({ name, state, why }) => `[${MARKS[state]}]${name} ${state}${why === "" ? "" : `: ${why}`}`,
  );
  const isReady = checks.every(({ state }) => state !== "failing");
  return `${lines.join("\n")}\n${isReady ? "ready" : "not ready"}\n`;
}
