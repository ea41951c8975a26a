import type { Update } from "../core/discovery/update.ts";
import type { Endpoint } from "../core/model/endpoint.ts";

/** Turns updates into the bytes of one stream message, shared by all watchers. */
export interface UpdateEncoder {
  encode(update: Update): Uint8Array;
  /** Encoded size of one endpoint, to cut snapshots into chunks. */
  sizeOf(endpoint: Endpoint): number;
}
