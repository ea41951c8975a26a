import type { OriginPosition } from "../../core/discovery/seen-positions.ts";

/** How long an agent's subscriptions wait for what it has seen elsewhere: replicas are milliseconds apart. */
export const CATCH_UP_MS = 2_000;

/** What has not arrived by then never will: its origin died with it, and everybody else agrees. */
export const GIVE_UP_MS = 30_000;

/**
 * Resolves with true once this replica has heard all of `seen`, and with false after the time;
 * never rejects. An origin that this replica has forgotten counts as heard.
 */
export type WhenCaughtUp = (seen: readonly OriginPosition[], timeoutMs: number) => Promise<boolean>;

/** What a stream asks for, until this replica has heard what its agent has seen elsewhere. */
export class HeldRequests {
  #held: (() => void)[] | undefined;

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  hold(): void {
    this.#held ??= [];
  }

  /** At once, or when the requests are released. */
  run(request: () => void): void {
    if (this.#held === undefined) request();
    else this.#held.push(request);
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const request of held) request();
  }

  /** The stream is gone: nothing is asked any more. */
  drop(): void {
    this.#held = undefined;
  }
}
