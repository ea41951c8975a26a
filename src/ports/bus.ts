/**
 * What replicas need of a message bus. A fast hint, never a truth: a message arrives at most once,
 * messages of one sender arrive in the order of their sending or not at all, and nothing is kept for
 * those who are away. Whoever needs more counts its messages, notices gaps and asks again.
 */
export interface Bus {
  readonly state: BusState;

  /**
   * Hands `payload` to all others that listen; never to this bus itself. Nothing waits: without a
   * connection nothing is kept for later. `true` says that it was handed to the connection, not
   * that anybody got it: a connection that died may take seconds to be noticed.
   *
   * @param subject tokens of `A-Z a-z 0-9 _ -` with dots between
   * @param payload must not change afterwards
   * @returns false when nothing was sent: not connected, too large, not permitted, or the server
   * does not keep up. Counted in `state.droppedCount`
   */
  publish(subject: string, payload: Uint8Array): boolean;

  /**
   * Listens for ever, across reconnects. `listener` is called inside the reading of the connection:
   * it must do little (put the message into a bounded queue of its own, and copy what it keeps of
   * the payload), because there is no queue here; who is slow is cut off by the server. What it
   * throws is caught, counted and logged.
   *
   * @param pattern a subject in which `*` stands for any one token and a last `>` for one or more
   */
  subscribe(pattern: string, listener: (message: BusMessage) => void): BusSubscription;

  /**
   * Asks whoever listens to `subject` and resolves with the first reply.
   * @throws BusRequestError with the reason; `no-responders` and `disconnected` come at once
   */
  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;

  /**
   * Told of each change. What it throws is caught and counted.
   * @returns ends that
   */
  onState(listener: (change: BusChange) => void): () => void;

  /** Sends what is under way, and leaves; takes at most three seconds. Nothing is told afterwards. */
  close(): Promise<void>;
}

/** One message: its payload is valid during the call of the listener, its reply may come later. */
export interface BusMessage {
  readonly subject: string;
  /** A view of a larger buffer: copy what is kept. */
  readonly payload: Uint8Array;
  /** Answers a request. @returns false when nothing was sent, or nobody asked. Counted like a publish. */
  reply(payload: Uint8Array): boolean;
}

export interface BusSubscription {
  /** The listener is not called again. */
  close(): void;
}

/**
 * `connected`: all subscriptions stand at the server; what was published before may be lost, so
 * everything has to be compared anew. Also told when the bus moved to another server without a break.
 * `disconnected`: nothing arrives or leaves. `problem`: news that change neither.
 */
export type BusChange =
  | { readonly kind: "connected"; readonly server: string }
  | { readonly kind: "disconnected"; readonly problem: BusProblem }
  | { readonly kind: "problem"; readonly problem: BusProblem };

/**
 * `unreachable`: nobody answers, or the connection broke. `tls`: a certificate, or TLS on one side
 * only. `auth`: the server does not know us. `permission`: it does, and forbids a subject.
 * `overload`: one side cannot keep up. `protocol`: what answers is no bus, or a server that is too old.
 */
export type BusProblemKind =
  | "unreachable"
  | "tls"
  | "auth"
  | "permission"
  | "overload"
  | "protocol";

/** What is wrong, for people; never holds a secret. */
export interface BusProblem {
  readonly kind: BusProblemKind;
  /** What happened, why, and what to do. */
  readonly message: string;
}

/** A subject that the server forbids. */
export interface DeniedSubject {
  readonly operation: "publish" | "subscribe";
  readonly subject: string;
  /** What to change where. */
  readonly fix: string;
}

/** How the bus stands, for people and metrics. */
export interface BusState {
  readonly isConnected: boolean;
  /** URL without secrets of the server that it is connected to, or was last; `""` before the first. */
  readonly server: string;
  /** What that server calls itself. */
  readonly serverName: string;
  /** Monotonic time of the last connect or disconnect; of the start before the first. */
  readonly sinceMs: number;
  /** Larger messages are refused; of the server connected to last, 0 before the first. */
  readonly maxPayloadBytes: number;
  /** The last round trip to the server; `undefined` before the first and while disconnected. */
  readonly rttMs: number | undefined;
  /** Connects after the first. */
  readonly reconnectCount: number;
  /** Publishes, requests and replies that were not sent. */
  readonly droppedCount: number;
  /** Listeners that threw. */
  readonly listenerErrorCount: number;
  /** The latest one, kept after it is over; `undefined` when there was none. */
  readonly lastProblem: BusProblem | undefined;
  /** Those of the present connection. */
  readonly denied: readonly DeniedSubject[];
}
