import { setTimeout as delay } from "node:timers/promises";
import type { MeshTruth } from "../support/mesh-truth.ts";
import type { WatcherCheck } from "../support/watcher-check.ts";
import type { Replica } from "./cluster.ts";
import { differences, type ReplicaTable, tableOf } from "./replica-table.ts";

/** How exactly a figure is known; reading three tables takes some of it. */
const POLL_MS = 200;

/** Half of what agreement may take. */
const LATE_MS = 5_000;

/** How many differences a failure quotes. */
const QUOTED_LINES = 15;

export interface Agreement {
  readonly replicas: readonly Replica[];
  readonly truth: MeshTruth;
  readonly check: WatcherCheck;
}

export interface Agreed {
  /** Until the tables of all replicas were the same, and what is true. */
  readonly tablesMs: number;
  /** Until every watcher's lists were, too. */
  readonly watchersMs: number;
  /** What still differed in the end; empty when all is well. */
  readonly problems: readonly string[];
  /** What differed when it should not have any more: shown also when it was mended later. */
  readonly late: readonly string[];
}

/**
 * Waits until all replicas hold the same, which is what is true, and every watcher sees it.
 * @param graceMs what changed within that time may still be on its way.
 */
export async function waitUntilAgreed(
  agreement: Agreement,
  { graceMs, timeoutMs }: { graceMs: number; timeoutMs: number },
): Promise<Agreed> {
  const startedAt = performance.now();
  let tablesMs: number | undefined;
  let late: readonly string[] = [];
  for (;;) {
    const tableProblems = await whatDiffers(agreement, graceMs);
    const elapsedMs = Math.round(performance.now() - startedAt);
    if (tableProblems.length === 0) tablesMs ??= elapsedMs;
    const problems = [...tableProblems, ...agreement.check.mismatches(graceMs)];
    if (problems.length === 0 || elapsedMs > timeoutMs) {
      const times = { tablesMs: tablesMs ?? elapsedMs, watchersMs: elapsedMs };
      return { ...times, late, problems: quoted(problems) };
    }
    if (late.length === 0 && elapsedMs > LATE_MS) late = quoted(problems);
    await delay(POLL_MS);
  }
}

async function whatDiffers({ replicas, truth }: Agreement, graceMs: number): Promise<string[]> {
  const startedAt = performance.now();
  const tables = new Map<string, ReplicaTable>();
  try {
    await Promise.all(
      replicas.map(async (replica) => tables.set(replica.id, await tableOf(replica))),
    );
  } catch (error) {
    return [`a replica does not answer: ${String(error)}`];
  }
  // What changed while the tables were read is in some of them only.
  const recentMs = graceMs + (performance.now() - startedAt);
  const isRecent = (key: string): boolean => truth.isRecent(key, recentMs);
  return [...differences(tables, isRecent), ...untruths(tables, truth, isRecent)];
}

function untruths(
  tables: ReadonlyMap<string, ReplicaTable>,
  truth: MeshTruth,
  isRecent: (key: string) => boolean,
): string[] {
  const lines: string[] = [];
  for (const [name, table] of tables) {
    for (const service of truth.services()) {
      for (const key of truth.keysOf(service)) {
        const seen = table.get(key)?.registrationId;
        const verdict = isRecent(key) ? "right" : truth.judge(key, seen);
        if (verdict !== "right") lines.push(`${name} ${key} ${verdict} ${seen}`);
      }
    }
  }
  return lines;
}

function quoted(lines: readonly string[]): string[] {
  if (lines.length <= QUOTED_LINES) return [...lines];
  return [...lines.slice(0, QUOTED_LINES), `and ${lines.length - QUOTED_LINES} more`];
}
