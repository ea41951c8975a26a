import type { EndpointsUpdate } from "../../src/core/discovery/update.ts";
import type { Endpoint, Removal } from "../../src/core/model/endpoint.ts";
import type { ServiceKey } from "../../src/core/model/names.ts";

/** A whole update, whatever chunks it came in. */
export interface WholeUpdate {
  readonly upserts: readonly Endpoint[];
  readonly removals: readonly Removal[];
}

interface Collected {
  readonly version: number;
  nextChunk: number;
  readonly upserts: Endpoint[];
  readonly removals: Removal[];
}

/** The order of one Watch stream: versions grow, a delta fits what is held, chunks come in turn. */
export class StreamOrder {
  readonly #violate: (what: string) => void;
  readonly #versions = new Map<ServiceKey, number>();
  readonly #collected = new Map<ServiceKey, Collected>();

  constructor(violate: (what: string) => void) {
    this.#violate = violate;
  }

  /** @returns the whole update when this message completes one. */
  received(
    key: ServiceKey,
    update: EndpointsUpdate,
    heldVersion: number | undefined,
  ): WholeUpdate | undefined {
    const { kind, version, fromVersion } = update;
    const last = this.#versions.get(key);
    if (last !== undefined && version < last) {
      this.#violate(`was told version ${version} of ${key} after ${last}`);
    }
    if (kind === "delta") {
      if (fromVersion !== heldVersion) {
        this.#violate(`got a delta of ${key} from ${fromVersion} and holds ${heldVersion}`);
      }
      if (version <= fromVersion) this.#violate(`got a delta of ${key} that leads nowhere`);
    }
    this.#versions.set(key, version);
    if (kind !== "snapshot") {
      this.#collected.delete(key);
      return update;
    }
    return this.#chunk(key, update);
  }

  #chunk(key: ServiceKey, update: EndpointsUpdate): WholeUpdate | undefined {
    const { version, chunk } = update;
    if (chunk === 0) {
      this.#collected.set(key, { version, nextChunk: 0, upserts: [], removals: [] });
    }
    const collected = this.#collected.get(key);
    if (collected?.version !== version || collected.nextChunk !== chunk) {
      this.#violate(`got chunk ${chunk} of a snapshot of ${key} out of turn`);
      return undefined;
    }
    collected.nextChunk++;
    collected.upserts.push(...update.upserts);
    collected.removals.push(...update.removals);
    if (!update.isLastChunk) return undefined;
    this.#collected.delete(key);
    return collected;
  }
}
