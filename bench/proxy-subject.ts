import type { Backend } from "./proxy-backends.ts";

/** A proxy that runs, as the bench sees it. */
export interface RunningProxy {
  /** `HOST:PORT` that takes requests. */
  readonly address: string;
  /** The one process that passes them on. */
  readonly pid: number;
  stop(): Promise<void>;
}

/** A kind of proxy that the bench can start before the same backends. */
export interface ProxySubject {
  /** As in the figures' names. */
  readonly name: string;
  start(backends: readonly Backend[]): Promise<RunningProxy>;
}

/** What the requests' Host says: Weir routes by it, the others send everything to the backends. */
export const HOST = "echo.weir";

/** Idle connections to a backend that a proxy may keep: more than the load's connections. */
export const KEPT_CONNECTIONS = 256;
