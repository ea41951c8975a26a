import type { Fence } from "../registry/fences.ts";
import { isFencedBy } from "./entry.ts";
import type { OriginSet } from "./origin-set.ts";

/** By then an owner that heard of the end has said so. */
const REMIND_AFTER_MS = 3_000;

/**
 * What an origin holds although it is over. Who ended it may have died, or cannot reach that origin: then
 * whoever heard of the end tells it again, so that it does not live on where only the owner serves it.
 */
export class Contradictions {
  readonly #noted = new Map<string, { readonly fence: Fence; readonly sinceMs: number }>();

  /** @param key of an entry of the origin's that the fence covers */
  note(key: string, fence: Fence, nowMs: number): void {
    if (!this.#noted.has(key)) this.#noted.set(key, { fence, sinceMs: nowMs });
  }

  /** What the origin is to be told of, each once. @param set what it holds now */
  due(set: OriginSet | undefined, nowMs: number): Fence[] {
    const due: Fence[] = [];
    for (const [key, { fence, sinceMs }] of this.#noted) {
      if (nowMs - sinceMs < REMIND_AFTER_MS) continue;
      this.#noted.delete(key);
      const held = set?.get(key);
      if (held !== undefined && isFencedBy(held.record, fence)) due.push(fence);
    }
    return due;
  }
}
