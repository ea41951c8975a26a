import { MAX_UNACKED_UPDATES } from "../core/discovery/subscription.ts";
import type { ResourceAck } from "../core/discovery/update.ts";
import type { Clock } from "../ports/clock.ts";

/** Acknowledging every update at once was measured to cost a third of the server's fan-out. */
export const ACK_DELAY_MS = 100;

/** Half of what a server leaves unacknowledged: it hears of them before it has to wait. */
export const ACK_AFTER_UPDATES = MAX_UNACKED_UPDATES / 2;

/** Collects acknowledgements: only the last one of each resource says something. */
export class Acknowledger {
  readonly #clock: Clock;
  readonly #send: (acks: readonly ResourceAck[]) => void;
  #pending = new Map<string, ResourceAck>();
  /** Updates since the last flush; more than resources, when one of them changes often. */
  #updateCount = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock, send: (acks: readonly ResourceAck[]) => void) {
    this.#clock = clock;
    this.#send = send;
  }

  /** @param urgent sends it now, with everything that waits: drains, removals and rejections. */
  add(ack: ResourceAck, urgent: boolean): void {
    const { type, namespace, service } = ack.nonce;
    this.#pending.set(`${type}/${namespace}/${service}`, ack);
    this.#updateCount++;
    if (urgent || this.#updateCount >= ACK_AFTER_UPDATES) this.flush();
    else this.#cancelTimer ??= this.#clock.after(ACK_DELAY_MS, () => this.flush());
  }

  flush(): void {
    const acks = [...this.#pending.values()];
    this.clear();
    if (acks.length > 0) this.#send(acks);
  }

  /** Forgets what waits: the stream that it belonged to is gone. */
  clear(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#pending = new Map();
    this.#updateCount = 0;
  }
}
