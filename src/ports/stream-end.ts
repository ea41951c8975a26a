/** Why a stream to the control plane ended. */
export interface StreamEnd {
  /** A gRPC status code; 0 when the server ended it in order. */
  readonly code: number;
  /** `ErrorInfo.reason`, or `""`. */
  readonly reason: string;
  /** In words. */
  readonly message: string;
  /** The server's `RetryInfo`; `undefined` when it gave none. */
  readonly retryAfterMs: number | undefined;
}
