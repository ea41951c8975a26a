import type { OriginPosition } from "../../core/discovery/seen-positions.ts";
import type { ServiceKey } from "../../core/model/names.ts";

/** How long an agent's subscriptions wait for what it has seen elsewhere: replicas are milliseconds apart. */
export const CATCH_UP_MS = 2_000;

/**
 * What has not arrived by then never will: its origin died with it, and everybody else agrees. Unless somebody
 * is not heard: then it counts anew.
 */
export const GIVE_UP_MS = 30_000;

/**
 * Resolves with true once this replica has heard all of `seen`, and with false after the time;
 * never rejects. An origin that this replica has forgotten counts as heard.
 */
export type WhenCaughtUp = (seen: readonly OriginPosition[], timeoutMs: number) => Promise<boolean>;

/** Which services a request wants. */
type Wanted = readonly ServiceKey[] | "all";

/** What a stream asks for, until this replica has heard what its agent has seen elsewhere. */
export class HeldRequests {
  #held: { readonly request: () => void; readonly wanted: Wanted }[] | undefined;

  get isHolding(): boolean {
    return this.#held !== undefined;
  }

  hold(): void {
    this.#held ??= [];
  }

  /** At once, or when the requests are released. @param wanted the services that it asks for */
  run(request: () => void, wanted: () => Wanted = () => []): void {
    if (this.#held === undefined) request();
    else this.#held.push({ request, wanted: wanted() });
  }

  /** Whether a request that waits asks for that service. */
  wants(key: ServiceKey): boolean {
    return (this.#held ?? []).some(({ wanted }) => wanted === "all" || wanted.includes(key));
  }

  /** The services that requests which wait ask for. @param all those that there are */
  wanted(all: Iterable<ServiceKey>): ServiceKey[] {
    const held = this.#held ?? [];
    if (held.some(({ wanted }) => wanted === "all")) return [...all];
    return held.flatMap(({ wanted }) => (wanted === "all" ? [] : wanted));
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { request } of held) request();
  }

  /** The stream is gone: nothing is asked any more. */
  drop(): void {
    this.#held = undefined;
  }
}
