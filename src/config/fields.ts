import { z } from "zod";

/** Building blocks of settings: each parses what people write and says what it wanted. */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `250ms`, `5s`, `5m`, `1h` as milliseconds, within bounds. */
export function duration(bounds: { readonly minMs: number; readonly maxMs: number }) {
  return z.union([z.string(), z.number()]).transform((text, context) => {
    const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(String(text).trim());
    const ms = Number(match?.[1]) * (UNITS_MS[match?.[2] ?? ""] ?? Number.NaN);
    if (ms >= bounds.minMs && ms <= bounds.maxMs) return ms;
    const range = `${durationText(bounds.minMs)}..${durationText(bounds.maxMs)}`;
    context.addIssue(`${text} is not a duration of ${range}; write 250ms, 5s, 5m or 1h`);
    return z.NEVER;
  });
}

/** `15000` as `15s`. */
export function durationText(ms: number): string {
  for (const unit of ["h", "m", "s"]) {
    const unitMs = UNITS_MS[unit] ?? 1;
    if (ms >= unitMs && ms % unitMs === 0) return `${ms / unitMs}${unit}`;
  }
  return `${ms}ms`;
}

/** `127.0.0.1:7400`, `[::1]:7400` or `host:7400`. */
export const address = z.string().refine(isAddress, {
  error: ({ input }) => `${input} is not an address; write HOST:PORT, for example 127.0.0.1:7400`,
});

/** Several, as a list or separated by commas. */
export const addresses = z.preprocess(splitCommas, z.array(address).min(1));

/** Several words, as a list or separated by commas. */
export const words = z.preprocess(splitCommas, z.array(z.string()));

/** A switch: `--flag`, `WEIR_FLAG=true`, `flag: true`. */
export const flag = z.preprocess(switched, z.boolean());

function splitCommas(value: unknown): unknown {
  if (typeof value !== "string") return value;
  return value
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function switched(value: unknown): unknown {
  if (value === "true" || value === "1") return true;
  return value === "false" || value === "0" ? false : value;
}

function isAddress(text: string): boolean {
  const match =
    /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([-A-Za-z0-9.]{0,252}[A-Za-z0-9])?):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[3]) <= 65_535;
}
