import type { OriginPosition } from "../core/discovery/seen-positions.ts";
import type { ResumeToken } from "../core/discovery/update.ts";
import type { Endpoint } from "../core/model/endpoint.ts";
import type { ServiceDefaults } from "../core/model/instance.ts";

/** What an agent knew of a service. */
export interface SavedService {
  readonly namespace: string;
  readonly service: string;
  readonly defaults?: ServiceDefaults;
  readonly endpoints: readonly Endpoint[];
  readonly resume: ResumeToken;
}

/** What an agent knew of all of them. */
export interface Knowledge {
  readonly services: readonly SavedService[];
  /** How far the replicas were that told it: the next one must not be behind. */
  readonly positions: readonly OriginPosition[];
}

export interface SavedKnowledge extends Knowledge {
  /** Milliseconds since 1970. */
  readonly savedAtWallMs: number;
}

/** Where an agent keeps what it knows, so that it can start while no control plane answers. */
export interface LastKnownGood {
  /** @returns `undefined` when nothing was saved, or nothing that can be trusted. */
  load(): SavedKnowledge | undefined;
  /** @throws MeshError STORAGE_FAILED; what was saved before is kept then. */
  save(known: Knowledge): Promise<void>;
}
