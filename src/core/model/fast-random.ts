import type { Random } from "./random.ts";

/**
 * A generator for the request path: `Math.random` allocates 16 bytes for each number it returns,
 * this one is inlined and allocates none. Not for secrets.
 *
 * @param seed any integer; a random one in production, so that agents do not pick alike.
 * Source: Chris Doty-Humphrey, PractRand, sfc32.
 */
export function newFastRandom(seed: number): Random {
  // A typed array keeps the state unboxed whatever its bits are.
  const state = Int32Array.of(seed, 0x9e3779b9 ^ seed, 0x243f6a88, 1);
  const next = (): number => {
    const a = state[0] ?? 0;
    const b = state[1] ?? 0;
    const c = state[2] ?? 0;
    const counter = state[3] ?? 0;
    const sum = (((a + b) | 0) + counter) | 0;
    state[0] = b ^ (b >>> 9);
    state[1] = (c + (c << 3)) | 0;
    state[2] = (((c << 21) | (c >>> 11)) + sum) | 0;
    state[3] = (counter + 1) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // Similar seeds differ everywhere after a dozen rounds.
  for (let round = 0; round < 15; round++) next();
  return next;
}
