/** What a server's machine and process say of themselves; operators ask, requests never wait for it. */
export interface ServerHost {
  listeners(): readonly ListenerState[];
  stateDirectory(): StateDirectoryState;
  process(): ProcessState;
  /** Of the gRPC port, since the start. */
  finishedCalls(): readonly FinishedCallCount[];
  /** When the certificate in use ends, in milliseconds since 1970; `undefined` without TLS. */
  certificateExpiresAtMs(): number | undefined;
}

/** How often calls of one method ended with one status. */
export interface FinishedCallCount {
  /** `weir.v1.RegistryService/Register` */
  readonly method: string;
  /** `OK`, `INVALID_ARGUMENT`... */
  readonly code: string;
  readonly count: number;
}

/** A port that a server answers on. */
export interface ListenerState {
  readonly name: "grpc" | "admin";
  /** `host:port` as bound. */
  readonly address: string;
  readonly isTls: boolean;
}

/** The folder where registrations survive a restart. */
export interface StateDirectoryState {
  /** Empty without one. */
  readonly path: string;
  /** Of its file system; both 0 when unknown. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Why it cannot be used now; empty when it can. */
  readonly problem: string;
}

/** What the system does not tell is 0. */
export interface ProcessState {
  /** The longest that the event loop was late within the last 10 to 20 s. */
  readonly eventLoopLagMs: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  readonly openFiles: number;
  readonly openFilesLimit: number;
}
