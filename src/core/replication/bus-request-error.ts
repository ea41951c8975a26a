/**
 * Why a request over the bus got no reply. `no-responders`: nobody listens, ask somebody else at once.
 * `timeout`: somebody may have got it. `disconnected`: we are cut off. `too-large`: the server takes
 * no message of that size. `denied`: the server forbids it. `overload`: too much is under way.
 */
export type BusRequestFailure =
  | "no-responders"
  | "timeout"
  | "disconnected"
  | "too-large"
  | "denied"
  | "overload";

/** A request over the bus without a reply. */
export class BusRequestError extends Error {
  override readonly name = "BusRequestError";
  readonly reason: BusRequestFailure;
  readonly subject: string;

  constructor(reason: BusRequestFailure, subject: string, cause?: unknown) {
    super(`request to ${subject}: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
    this.subject = subject;
  }
}
