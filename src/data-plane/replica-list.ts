import type { Random } from "../core/model/random.ts";
import type { Destination, ReplicaAddress } from "../ports/destination.ts";

/** Replicas that servers told of: far more than any cluster has. */
const MAX_TOLD = 64;

/** Addresses of one name: more are a fault of its zone. */
const MAX_ADDRESSES_A_NAME = 64;

const HOST_AND_PORT = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9][-A-Za-z0-9._]{0,253}):\d{1,5}$/;
const IPV4 = /^\d+\.\d+\.\d+\.\d+:/;

interface Target extends Destination {
  /** Random: its place among those that failed equally long ago. */
  readonly order: number;
  /** Which failure of the list was its last; 0 for none. */
  failure: number;
  /** `""` until somebody says so. */
  replicaId: string;
}

/** Where one name leads. */
interface Name {
  readonly isConfigured: boolean;
  targets: Target[];
}

/**
 * The control-plane replicas that an agent knows: those configured, for ever, those that a server
 * told of, while they are told, and each with all addresses of its name. In an order of this
 * agent's own; who failed last comes last, under each address that leads to it.
 */
export class ReplicaList {
  readonly #random: Random;
  readonly #names = new Map<string, Name>();
  #failures = 0;

  constructor(configured: readonly string[], random: Random) {
    this.#random = random;
    for (const name of configured) this.#add(name, true);
  }

  /** How many replicas there are, as far as that is known. */
  get size(): number {
    const targets = this.#targets();
    return new Set(targets.map(({ replicaId, name, address }) => replicaId || `${name} ${address}`))
      .size;
  }

  /** Where to try next; with a name, the best address of that name only. */
  next(name?: string): Destination {
    const targets = name === undefined ? this.#targets() : (this.#names.get(name)?.targets ?? []);
    const [first, ...others] = targets;
    if (first === undefined) return name === undefined ? NOWHERE : this.next();
    const best = others.reduce((a, b) => (isBefore(b, a) ? b : a), first);
    return { name: best.name, address: best.address };
  }

  /** That replica comes last from now on, whichever way it is reached. */
  failed(destination: Destination): void {
    const failed = this.#find(destination);
    if (failed === undefined) return;
    this.#failures++;
    for (const target of this.#targets()) {
      const isSame = failed.replicaId !== "" && target.replicaId === failed.replicaId;
      if (isSame) target.failure = this.#failures;
    }
    failed.failure = ++this.#failures;
  }

  /** A replica answered there. */
  welcomed(destination: Destination, replicaId: string): void {
    const target = this.#find(destination);
    if (target === undefined) return;
    target.replicaId = replicaId;
    target.failure = 0;
  }

  /** What a server says of the replicas. Nothing at all says nothing. */
  told(replicas: readonly ReplicaAddress[]): void {
    const usable = replicas.filter(({ address }) => HOST_AND_PORT.test(address)).slice(0, MAX_TOLD);
    if (usable.length === 0) return;
    const addresses = new Set(usable.map(({ address }) => address));
    for (const [name, { isConfigured }] of this.#names) {
      if (!isConfigured && !addresses.has(name)) this.#names.delete(name);
    }
    for (const { replicaId, address } of usable) {
      const name = this.#names.get(address) ?? this.#add(address, false);
      const [only] = name.targets;
      // Behind a name with several addresses may be several replicas: the welcome tells which.
      if (only !== undefined && name.targets.length === 1) only.replicaId = replicaId;
    }
  }

  /** The addresses of a name's host now; those that are known keep their history. */
  resolved(name: string, hosts: readonly string[]): void {
    const entry = this.#names.get(name);
    if (entry === undefined || hosts.length === 0) return;
    const port = name.slice(name.lastIndexOf(":"));
    const addresses = [...new Set(hosts)]
      .slice(0, MAX_ADDRESSES_A_NAME)
      .map((host) => `${host.includes(":") ? `[${host}]` : host}${port}`);
    entry.targets = addresses.map(
      (address) =>
        entry.targets.find((target) => target.address === address) ??
        newTarget(name, address, this.#random()),
    );
  }

  #add(name: string, isConfigured: boolean): Name {
    const entry = { isConfigured, targets: [newTarget(name, name, this.#random())] };
    this.#names.set(name, entry);
    return entry;
  }

  #find({ name, address }: Destination): Target | undefined {
    return this.#names.get(name)?.targets.find((target) => target.address === address);
  }

  #targets(): Target[] {
    return [...this.#names.values()].flatMap(({ targets }) => targets);
  }
}

/** The host of `host:port` that somebody has to look up; `undefined` for an address. */
export function hostToResolve(name: string): string | undefined {
  if (name.startsWith("unix:") || name.startsWith("[") || IPV4.test(name)) return undefined;
  return name.slice(0, name.lastIndexOf(":"));
}

/** For people: the name, and which of its addresses. */
export function placeOf({ name, address }: Destination): string {
  return name === address ? name : `${name} (${address})`;
}

/** Of an agent without any address. */
const NOWHERE: Destination = { name: "", address: "" };

function newTarget(name: string, address: string, order: number): Target {
  return { name, address, order, failure: 0, replicaId: "" };
}

function isBefore(a: Target, b: Target): boolean {
  return a.failure === b.failure ? a.order < b.order : a.failure < b.failure;
}
