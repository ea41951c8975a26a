import type { Duration } from "../../gen/google/protobuf/duration.ts";

/** @returns `undefined` when the field is not set; fractions of a millisecond are kept. */
export function durationToMs(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

/** The duration of a finite number of milliseconds, to the nanosecond. */
export function msToDuration(ms: number): Duration {
  const seconds = Math.trunc(ms / 1000);
  const nanos = Math.round((ms - seconds * 1000) * 1e6);
  if (Math.abs(nanos) < 1e9) return { seconds: BigInt(seconds), nanos };
  return { seconds: BigInt(seconds + Math.sign(nanos)), nanos: 0 };
}
