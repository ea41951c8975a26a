import type { Random } from "../../core/model/random.ts";
import type { Clock } from "../../ports/clock.ts";

/**
 * How old streams get, half as much more or less: after an hour at most, agents are spread evenly
 * again whatever happened, and 10,000 of them cost two or four reconnects a second.
 */
export const STREAM_AGE_MS = 45 * 60_000;

/** A replica that joined is not met by all its agents at once. */
export const REBALANCE_WINDOW_MS = 10_000;

/** An agent that was asked to leave and is still here does not understand: its stream is ended. */
export const LEAVE_WITHIN_MS = 5_000;

const SWEEP_MS = 1_000;

/** A stream that can be asked to go elsewhere. */
export interface MovableStream {
  drain(retryAfterMs: number, reason: string): void;
  /** Ends it with status OK. */
  end(): void;
}

interface Stay {
  dueAtMs: number;
  reason: string;
  isAsked: boolean;
}

export interface TurnoverOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Between half of it and half more; `STREAM_AGE_MS` when left out. */
  readonly streamAgeMs?: number | undefined;
  /** Whether there is anywhere else to go: without it streams stay. */
  readonly hasElsewhere: () => boolean;
}

/** Asks streams to go elsewhere: each when it is old, and a share of them when a replica joins. */
export class StreamTurnover {
  readonly #options: TurnoverOptions;
  readonly #stays = new Map<MovableStream, Stay>();
  #cancelSweep: () => void;

  constructor(options: TurnoverOptions) {
    this.#options = options;
    this.#cancelSweep = this.#scheduleSweep();
  }

  opened(stream: MovableStream): void {
    this.#stays.set(stream, { dueAtMs: this.#oldAtMs(), reason: OLD, isAsked: false });
  }

  closed(stream: MovableStream): void {
    this.#stays.delete(stream);
  }

  /**
   * Asks a random share of the streams to leave within 10 s. They go to whom they have not lost
   * before, so first of all to a replica that is new to them.
   *
   * @param share 0..1; the replica that joined as one of n should get 1/n of all.
   * @param reason for the agents' logs
   * @returns how many were chosen.
   */
  rebalance(share: number, reason = "streams are spread over the replicas anew"): number {
    const { clock, random } = this.#options;
    let chosen = 0;
    for (const stay of this.#stays.values()) {
      if (stay.isAsked || random() >= share) continue;
      const dueAtMs = clock.nowMs() + random() * REBALANCE_WINDOW_MS;
      stay.dueAtMs = Math.min(stay.dueAtMs, dueAtMs);
      stay.reason = reason;
      chosen++;
    }
    return chosen;
  }

  stop(): void {
    this.#cancelSweep();
  }

  #oldAtMs(): number {
    const { clock, random, streamAgeMs = STREAM_AGE_MS } = this.#options;
    return clock.nowMs() + streamAgeMs * (0.5 + random());
  }

  #scheduleSweep(): () => void {
    return this.#options.clock.after(SWEEP_MS, () => {
      this.#sweep(this.#options.clock.nowMs());
      this.#cancelSweep = this.#scheduleSweep();
    });
  }

  #sweep(nowMs: number): void {
    const hasElsewhere = this.#options.hasElsewhere();
    for (const [stream, stay] of this.#stays) {
      if (stay.dueAtMs > nowMs) continue;
      if (stay.isAsked) {
        this.#stays.delete(stream);
        stream.end();
      } else if (hasElsewhere) {
        stay.isAsked = true;
        stay.dueAtMs = nowMs + LEAVE_WITHIN_MS;
        stream.drain(0, stay.reason);
      } else {
        stay.dueAtMs = this.#oldAtMs();
        stay.reason = OLD;
      }
    }
  }
}

const OLD = "the stream is old; streams are spread over the replicas anew";
