import type { Random } from "../../core/model/random.ts";
import type { UpstreamPools } from "./upstream-pools.ts";

/** What all exchanges of one listener share. */
export interface ProxyContext {
  readonly pools: UpstreamPools;
  /** For trace ids. */
  readonly random: Random;
  /** What clients speak to this listener, for X-Forwarded-Proto. */
  readonly scheme: "http" | "https";
  /** Once true, each response asks its client to close the connection. */
  isStopping: boolean;
}
