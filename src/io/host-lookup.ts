import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import type { LookupFunction } from "node:net";
import type { NameResolver } from "../ports/name-resolver.ts";

/** How long an answer is used without asking again: a container that comes back has a new address. */
const FRESH_MS = 5_000;

/** How long an answer is used while nobody can be asked: longer, and the address may be another's. */
const MAX_STALE_MS = 60_000;

/**
 * Lookups at once. The system's resolver blocks a thread for as long as it waits, 10 s and more for
 * a name that is gone, and Node has four threads, which files need too.
 */
const MAX_AT_ONCE = 2;

/** More names than a machine's instances have; the one first asked for is forgotten first. */
const MAX_NAMES = 10_000;

interface Name {
  readonly text: string;
  addresses: readonly LookupAddress[];
  answeredAtMs: number;
  /** The lookup that runs or waits for its turn; all who want this name share it. */
  asking: Promise<void> | undefined;
  failure: NodeJS.ErrnoException | undefined;
}

/** What answers names: the system's resolver, or a test's. */
export interface HostLookupOptions {
  readonly resolve: (host: string) => Promise<readonly LookupAddress[]>;
  readonly nowMs: () => number;
}

/**
 * Host names to addresses, for connections to endpoints. A known name is answered at once and asked
 * again in the background, so that one name that nobody answers delays no other.
 */
export class HostLookup {
  readonly #options: HostLookupOptions;
  readonly #names = new Map<string, Name>();
  readonly #waiting: { readonly name: Name; readonly start: () => void }[] = [];
  #running = 0;

  constructor(options: HostLookupOptions) {
    this.#options = options;
  }

  /** In the form that `net.connect` wants. */
  readonly lookup: LookupFunction = (host, { all }, callback) => {
    this.addresses(host).then(
      (addresses) => {
        const [first = { address: "", family: 0 }] = addresses;
        if (all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ""),
    );
  };

  /** @throws Error as `node:dns` does when the name has no address. */
  async addresses(host: string): Promise<readonly LookupAddress[]> {
    const name = this.#name(host);
    const isFresh = this.#options.nowMs() - name.answeredAtMs < FRESH_MS;
    const asked = isFresh ? undefined : this.#ask(name);
    if (name.addresses.length === 0) await asked;
    if (name.addresses.length > 0) return name.addresses;
    throw name.failure ?? Object.assign(new Error(`${host} has no address`), { code: "ENOTFOUND" });
  }

  #name(text: string): Name {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    const [oldest] = this.#names.keys();
    if (oldest !== undefined && this.#names.size >= MAX_NAMES) this.#names.delete(oldest);
    const answeredAtMs = Number.NEGATIVE_INFINITY;
    const name = { text, addresses: [], answeredAtMs, asking: undefined, failure: undefined };
    this.#names.set(text, name);
    return name;
  }

  #ask(name: Name): Promise<void> {
    name.asking ??= new Promise<void>((start) => {
      this.#waiting.push({ name, start });
      this.#startNext();
    })
      .then(() => this.#options.resolve(name.text))
      .then(
        (addresses) => this.#answered(name, addresses),
        (error: NodeJS.ErrnoException) => this.#failed(name, error),
      )
      .finally(() => {
        name.asking = undefined;
        this.#running--;
        this.#startNext();
      });
    return name.asking;
  }

  /** Names that failed last come last: they are slow. */
  #startNext(): void {
    if (this.#running >= MAX_AT_ONCE) return;
    const healthy = this.#waiting.findIndex(({ name }) => name.failure === undefined);
    const [next] = this.#waiting.splice(Math.max(healthy, 0), 1);
    if (next === undefined) return;
    this.#running++;
    next.start();
  }

  #answered(name: Name, addresses: readonly LookupAddress[]): void {
    name.addresses = addresses;
    name.answeredAtMs = this.#options.nowMs();
    name.failure = undefined;
  }

  /** "There is no such name" is an answer; that nobody could be asked is none. */
  #failed(name: Name, error: NodeJS.ErrnoException): void {
    name.failure = error;
    const isTooOld = this.#options.nowMs() - name.answeredAtMs > MAX_STALE_MS;
    if (error.code === "ENOTFOUND" || isTooOld) name.addresses = [];
  }
}

/** One for the process, as its threads are. */
const shared = new HostLookup({
  resolve: (host) => lookup(host, { all: true }),
  nowMs: () => performance.now(),
});

export const { lookup: lookupHost } = shared;

/** The system's resolver for those who choose among a name's addresses themselves. */
export const systemNameResolver: NameResolver = {
  async addresses(host) {
    return (await shared.addresses(host)).map(({ address }) => address);
  },
};
