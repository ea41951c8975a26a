import type { CheckFacts } from "./facts.ts";

/** `error`: requests fail or will. `warning`: one more fault and they do. `info`: good to know. */
export const SEVERITIES = ["error", "warning", "info"] as const;

export type Severity = (typeof SEVERITIES)[number];

/** What one rule found wrong, once for each subject. */
export interface Found {
  /** What it is about, for example `default/orders` or `agent web-1`. */
  readonly subject: string;
  /** One sentence with figures. */
  readonly what: string;
  /** The exact command or configuration line that mends it. */
  readonly fix: string;
  /** When it is not the rule's own. */
  readonly severity?: Severity;
}

/**
 * One kind of fault. Ids are part of the interface: scripts silence or wait for them, so they never
 * change.
 */
export interface Rule {
  readonly id: string;
  readonly severity: Severity;
  /** The kind of fault in a few words, for the table of all of them. */
  readonly title: string;
  /** Why it matters, in one sentence. */
  readonly why: string;
  /** @returns `undefined` when the facts to judge by are missing. */
  readonly find: (facts: CheckFacts) => readonly Found[] | undefined;
}

export interface Finding extends Required<Found> {
  readonly id: string;
  readonly why: string;
}

/** What all rules say of the facts. */
export interface Verdicts {
  /** Errors first, then by rule. */
  readonly findings: readonly Finding[];
  /** Ids of rules that had what they needed. */
  readonly checked: readonly string[];
  readonly notChecked: readonly string[];
}

export function judge(rules: readonly Rule[], facts: CheckFacts): Verdicts {
  const findings: Finding[] = [];
  const checked: string[] = [];
  const notChecked: string[] = [];
  for (const { id, severity, why, find } of rules) {
    const found = find(facts);
    (found === undefined ? notChecked : checked).push(id);
    for (const one of found ?? []) findings.push({ id, severity, why, ...one });
  }
  const rank = (finding: Finding): number => SEVERITIES.indexOf(finding.severity);
  return { findings: findings.sort((a, b) => rank(a) - rank(b)), checked, notChecked };
}

/** A command as this control plane needs it. @param command without `weir`, for example `agents`. */
export function weir({ target }: CheckFacts, command: string): string {
  return `weir ${command}${target.flags}`;
}

/** Ends what others said as a sentence. */
export function sentence(text: string): string {
  const capital = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** Nothing, or one. */
export function onlyIf(isWrong: boolean, found: () => Found): Found[] {
  return isWrong ? [found()] : [];
}

/** How many names a sentence bears. */
const MAX_NAMED = 3;

/** `a, b, c and 4 more`. */
export function someOf(names: readonly string[]): string {
  const rest = names.length - MAX_NAMED;
  const named = names.slice(0, MAX_NAMED).join(", ");
  return rest > 0 ? `${named} and ${rest} more` : named;
}
