import { keyOf, type MeshTruth, type TrueRegistration } from "./mesh-truth.ts";

/** Enough to see what went wrong; the counts go on. */
const MAX_LINES = 10;

/** Changes of one instance that are kept for a failure's report. */
const MAX_HISTORY = 8;

/** One change of the list that a watcher would send requests to. */
export interface SeenChange extends TrueRegistration {
  readonly kind: "added" | "removed" | "changed";
  readonly isDraining: boolean;
  /** Of a removal: its lease ran out, as the watcher was told. */
  readonly isExpired?: boolean;
}

interface View {
  readonly services: readonly string[];
  readonly seen: Map<string, string>;
  /** Registrations that left this watcher's lists for good, and those that it saw draining. */
  readonly removed: Set<string>;
  readonly draining: Set<string>;
  /** By key, the last of what happened there, for whoever has to find out why. */
  readonly history: Map<string, string[]>;
}

/** Judges what each watcher sees, change by change, against the truth of the same moment. */
export class WatcherCheck {
  /** Removals of what was neither asked to end nor superseded. */
  shrinks = 0;
  /**
   * Returns of what was on its way out and had left that list, or had been draining in it. What expired may
   * come back: late news of its client say that it was alive, before they say that it left.
   */
  resurrected = 0;
  readonly #shrinkLines: string[] = [];
  readonly #resurrectionLines: string[] = [];
  readonly #truth: MeshTruth;
  readonly #views = new Map<string, View>();

  constructor(truth: MeshTruth) {
    this.#truth = truth;
  }

  /** The first of both, in words. */
  get lines(): readonly string[] {
    return [...this.#shrinkLines, ...this.#resurrectionLines];
  }

  watches(watcher: string, services: readonly string[]): void {
    const sets = { removed: new Set<string>(), draining: new Set<string>() };
    this.#views.set(watcher, { services, seen: new Map(), history: new Map(), ...sets });
  }

  /** @param by what told the watcher, in words. */
  saw(watcher: string, changes: readonly SeenChange[], by = ""): void {
    const view = this.#views.get(watcher);
    if (view === undefined) return;
    for (const change of changes) {
      remember(view, change, by);
      if (change.kind === "removed") this.#removed(watcher, view, change);
      else this.#listed(watcher, view, change);
    }
  }

  /**
   * Where lists differ from the truth now, one line each.
   * @param graceMs what changed within that time may differ.
   */
  mismatches(graceMs: number): string[] {
    const lines: string[] = [];
    for (const [watcher, { services, seen }] of this.#views) {
      for (const service of services) {
        for (const key of this.#truth.keysOf(service)) {
          if (this.#truth.isRecent(key, graceMs)) continue;
          const verdict = this.#truth.judge(key, seen.get(key));
          if (verdict !== "right") lines.push(`${watcher} ${key} ${verdict} ${seen.get(key)}`);
        }
      }
    }
    return lines;
  }

  #removed(watcher: string, view: View, change: SeenChange): void {
    const { registrationId } = change;
    view.seen.delete(keyOf(change));
    if (change.isExpired !== true) view.removed.add(registrationId);
    const phase = this.#truth.phaseOf(registrationId);
    if (phase !== "starting" && phase !== "live") return;
    this.shrinks++;
    say(this.#shrinkLines, view, change, `${watcher} lost ${registrationId}, which is ${phase}`);
  }

  #listed(watcher: string, view: View, change: SeenChange): void {
    const { registrationId, isDraining } = change;
    view.seen.set(keyOf(change), registrationId);
    const phase = this.#truth.phaseOf(registrationId);
    const isOnItsWayOut = phase === "leaving" || phase === "gone" || phase === undefined;
    if (isOnItsWayOut && change.kind === "added" && view.removed.has(registrationId)) {
      this.resurrected++;
      say(
        this.#resurrectionLines,
        view,
        change,
        `${watcher} has ${registrationId} again, which is ${phase}`,
      );
    }
    if (isDraining) {
      view.draining.add(registrationId);
    } else if (view.draining.has(registrationId)) {
      this.resurrected++;
      const line = `${watcher} sends to ${registrationId} again, which was draining`;
      say(this.#resurrectionLines, view, change, line);
    }
  }
}

function say(lines: string[], { history }: View, change: SeenChange, line: string): void {
  if (lines.length >= MAX_LINES) return;
  const past = history.get(keyOf(change))?.join("\n    ");
  lines.push(`${keyOf(change)}: ${line}\n    ${past}`);
}

function remember({ history }: View, change: SeenChange, by: string): void {
  const { kind, registrationId, isDraining } = change;
  const past = history.get(keyOf(change)) ?? [];
  history.set(keyOf(change), past);
  const at = new Date().toISOString().slice(11, 23);
  past.push(`${at} ${kind} ${registrationId}${isDraining ? " draining" : ""} by ${by}`);
  if (past.length > MAX_HISTORY) past.shift();
}
