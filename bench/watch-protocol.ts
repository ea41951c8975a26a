/** What the bench and its client processes tell each other. */

/** Both servers answer the same method; only the trigger and the ACKs differ. */
export type ServerKind = "weir" | "raw";

export interface ClientOptions {
  readonly kind: ServerKind;
  /** `HOST:PORT` of the server. */
  readonly address: string;
  readonly connections: number;
  readonly streamsPerConnection: number;
  /** What each stream watches. */
  readonly services: readonly string[];
}

/** One change delivered to all streams. Milliseconds since the trigger was called. */
export interface RoundTimes {
  readonly medianMs: number;
  readonly lastMs: number;
}

export type ClientCommand =
  | { readonly id: number; readonly type: "open"; readonly options: ClientOptions }
  | { readonly id: number; readonly type: "prepare"; readonly message: string }
  | { readonly id: number; readonly type: "round" };

export interface ClientAnswer {
  readonly id: number;
  readonly error?: string;
  readonly times?: RoundTimes;
  /** The change's bytes as they arrived, base64. */
  readonly message?: string;
}

export const WATCH_PATH = "/weir.v1.DiscoveryService/Watch";

/** The raw server's own methods: take the bytes to send, send them to everybody. */
export const PREPARE_PATH = "/bench.Raw/Prepare";
export const TRIGGER_PATH = "/bench.Raw/Trigger";

/** Bytes in, bytes out. */
export function identity(bytes: Buffer): Buffer {
  return bytes;
}

/** The services that each watcher watches, and how many instances each of them has. */
export const WATCHED_SERVICES = Array.from({ length: 10 }, (_, index) => `bench-${index}`);
export const INSTANCES_PER_SERVICE = 10;
