import type { Address } from "../core/model/instance.ts";
import type { ServiceKey } from "../core/model/names.ts";

/**
 * What a client that keeps a connection to each endpoint needs of a mesh: which endpoints there
 * are, and which one the next call goes to. The client says when a call begins and ends.
 */

/** How a call ended. A failure is the endpoint's; an error that the application answered is a success. */
export type CallOutcome = "success" | "failure" | "cancelled";

/** One process of an endpoint, at one address. The same object for as long as it stays. */
export interface ChannelEndpoint {
  /** The instance's id, for people. */
  readonly id: string;
  readonly address: Address;
  /** 0 for a unix socket. */
  readonly port: number;
  /** Worth connecting to now: it may be picked, or would be if others failed. */
  readonly isWanted: boolean;
  /** A call that was given this endpoint and has not begun should ask again: it drains or left. */
  readonly isLeaving: boolean;

  /** Counts a call in flight. @returns when that was; exactly one `end` with it must follow. */
  begin(): number;

  /**
   * @param beganAtMs what `begin` returned.
   * @param respondedAtMs when the first sign of an answer came, in the service's `nowMs`;
   *   `undefined` when none did. A stream may live for hours: its first answer says how the
   *   endpoint is, its end does not.
   */
  end(outcome: CallOutcome, beganAtMs: number, respondedAtMs: number | undefined): void;
}

/**
 * Whether the mesh has said which endpoints there are: not yet; not within the time that callers
 * should wait; yes.
 */
export type ChannelServiceState = "waiting" | "overdue" | "known";

/** One service, for as long as one channel wants it. */
export interface ChannelService {
  readonly key: ServiceKey;
  readonly state: ChannelServiceState;

  /** Everything that is registered, whatever its state. */
  endpoints(): Iterable<ChannelEndpoint>;

  /** Calls `listener` when `state` or the endpoints changed, synchronously. @returns how to stop. */
  subscribe(listener: () => void): () => void;

  /**
   * Chooses where a call goes, by what is known at this moment.
   *
   * @param unreachable not chosen while another is usable.
   * @returns `undefined` when nobody can take it: `whyEmpty` says why.
   */
  pick(unreachable: readonly ChannelEndpoint[]): ChannelEndpoint | undefined;

  /** Why nobody can take a call, and what to do, in words. */
  whyEmpty(): string;

  /** The monotonic time that calls are measured in. */
  nowMs(): number;

  /** Wants it no more. Calls in flight still end through their endpoint. */
  close(): void;
}

/** The services of one mesh. */
export interface ChannelServices {
  /**
   * Wants a service from now on.
   *
   * @param namespace the mesh's own one when `undefined`.
   * @returns `undefined` for what is no name, and when the mesh holds as many services as it may.
   */
  open(namespace: string | undefined, service: string): ChannelService | undefined;
}
