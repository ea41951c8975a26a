import type { Endpoint, Removal } from "../model/endpoint.ts";
import type { EndpointsUpdate } from "./update.ts";

/** What all chunks until now say together. */
export interface Collected {
  readonly upserts: readonly Endpoint[];
  readonly removals: readonly Removal[];
}

interface Collecting {
  readonly version: number;
  nextChunk: number;
  readonly upserts: Endpoint[];
  readonly removals: Removal[];
}

/** The chunks of one snapshot, until the last one is here. */
export class SnapshotChunks {
  readonly #maxEndpoints: number;
  #collecting: Collecting | undefined;

  constructor(maxEndpoints: number) {
    this.#maxEndpoints = maxEndpoints;
  }

  forget(): void {
    this.#collecting = undefined;
  }

  /** @returns `undefined` when one before it is missing, or it is too many */
  add(update: EndpointsUpdate): Collected | undefined {
    if (update.chunk === 0) {
      this.#collecting = { version: update.version, nextChunk: 0, upserts: [], removals: [] };
    }
    const collecting = this.#collecting;
    if (collecting?.version !== update.version || collecting.nextChunk !== update.chunk) {
      return undefined;
    }
    if (collecting.upserts.length + update.upserts.length > this.#maxEndpoints) {
      this.#collecting = undefined;
      return undefined;
    }
    collecting.nextChunk++;
    for (const upsert of update.upserts) collecting.upserts.push(upsert);
    for (const removal of update.removals) collecting.removals.push(removal);
    return collecting;
  }
}
