import type { AttachSession, LeaseName } from "../ports/attach-source.ts";
import type { Clock } from "../ports/clock.ts";
import { MAX_BATCH } from "./kept-instance.ts";

/** A stop must not hang on a control plane that is away: the leases run out by themselves. */
export const GOODBYE_MS = 2_000;

/** More would be an agent that removes without end while nobody answers; the oldest leases have run out by then. */
const MAX_UNCONFIRMED = 1_000;

/** Sessions break now and then; one that breaks at each goodbye breaks because of it, and others suffer with it. */
export const MAX_ATTEMPTS = 5;

interface Goodbye {
  readonly leases: readonly LeaseName[];
  /** Of the present session; `undefined` while it was not said there. */
  requestId: number | undefined;
  attempts: number;
  /** Nobody need wait for it any longer. */
  resolve(): void;
}

/**
 * Ends of registrations that no server has confirmed. Each session is told of them: the one before may have
 * broken on the way, and where it led another server may never have heard.
 */
export class Goodbyes {
  readonly #clock: Clock;
  readonly #unconfirmed = new Set<Goodbye>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be said with the next `say`. Resolves when servers confirmed all of it, or after 2 s; it is said on. */
  async add(leases: readonly LeaseName[]): Promise<void> {
    const added: Promise<void>[] = [];
    for (let i = 0; i < leases.length; i += MAX_BATCH) {
      added.push(this.#add(leases.slice(i, i + MAX_BATCH)));
    }
    await Promise.all(added);
  }

  #add(leases: readonly LeaseName[]): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(GOODBYE_MS, resolve);
      const goodbye: Goodbye = {
        ...{ leases, requestId: undefined, attempts: 0 },
        resolve: () => {
          cancel();
          resolve();
        },
      };
      this.#unconfirmed.add(goodbye);
      for (const oldest of this.#unconfirmed) {
        if (this.#unconfirmed.size <= MAX_UNCONFIRMED) break;
        this.#end(oldest);
      }
    });
  }

  /** Says what this session was not told yet. */
  say(session: AttachSession, newRequestId: () => number): void {
    for (const goodbye of [...this.#unconfirmed]) {
      if (goodbye.requestId !== undefined) continue;
      goodbye.requestId = newRequestId();
      goodbye.attempts++;
      session.deregister(goodbye.requestId, goodbye.leases);
    }
  }

  answered(requestId: number): void {
    for (const goodbye of this.#unconfirmed) {
      if (goodbye.requestId === requestId) this.#end(goodbye);
    }
  }

  /** The session is gone, and its answers with it. */
  lost(): void {
    for (const goodbye of this.#unconfirmed) {
      goodbye.requestId = undefined;
      if (goodbye.attempts >= MAX_ATTEMPTS) this.#end(goodbye);
    }
  }

  #end(goodbye: Goodbye): void {
    this.#unconfirmed.delete(goodbye);
    goodbye.resolve();
  }
}
