/** Durations as people write and read them. */

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `1500ms`, `30s`, `1.5m`, `1m30s`, `1h`; `0` needs no unit. @returns `undefined` for anything else. */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let totalMs = 0;
  for (const [, figure, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    totalMs += Number(figure) * (UNITS[unit ?? ""] ?? 0);
  }
  return totalMs;
}

/** Two units at most: `12ms`, `4.2s`, `3m12s`, `2h5m`, `3d4h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return `-${formatDuration(-ms)}`;
  if (ms < 999.5) return `${Math.round(ms)}ms`;
  if (ms < 59_950) return `${Number((ms / 1_000).toFixed(1))}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 3_600) return twoUnits(seconds, 60, "m", "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 24 * 60) return twoUnits(minutes, 60, "h", "m");
  return twoUnits(Math.round(minutes / 60), 24, "d", "h");
}

function twoUnits(total: number, per: number, large: string, small: string): string {
  const rest = total % per;
  return `${Math.floor(total / per)}${large}${rest === 0 ? "" : `${rest}${small}`}`;
}
