import { Pool } from "undici";
import type { AttemptLimits, AttemptTarget } from "../../ports/exchange.ts";
import { lookupHost } from "../host-lookup.ts";

/**
 * How long an idle connection to an endpoint is kept: below the 5 s after which Node servers
 * close theirs, so that a request does not meet a closing connection.
 */
const KEEP_ALIVE_MS = 4_000;

/** Caps what an endpoint's Keep-Alive header may ask for. */
const MAX_KEEP_ALIVE_MS = 60_000;

/** Same as towards clients: what fits one way fits the other. */
const MAX_RESPONSE_HEADER_BYTES = 32 * 1024;

/** A pool unused for one to two of these is closed: endpoints may leave without a word. */
const SWEEP_INTERVAL_MS = 60_000;

interface PoolEntry {
  readonly pool: Pool;
  /** An endpoint may move without a new process; then its connections lead to the old place. */
  readonly target: AttemptTarget;
  usedSinceSweep: boolean;
}

/** Connections to endpoints, by one process of one endpoint. */
export class UpstreamPools {
  readonly #entries = new Map<string, PoolEntry>();
  readonly #closing = new Set<Pool>();
  readonly #sweeper: NodeJS.Timeout;

  constructor() {
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_INTERVAL_MS);
    this.#sweeper.unref();
  }

  /** Endpoints with connections that may be used again. */
  get size(): number {
    return this.#entries.size;
  }

  /** The limits of a pool are those of its first use. */
  poolFor(target: AttemptTarget, limits: AttemptLimits): Pool {
    const entry = this.#entries.get(target.key);
    if (entry !== undefined && leadsTo(entry, target)) {
      entry.usedSinceSweep = true;
      return entry.pool;
    }
    this.retire(target.key);
    const pool = newPool(target, limits);
    this.#entries.set(target.key, { pool, target, usedSinceSweep: true });
    return pool;
  }

  /**
   * For an endpoint that left or drains: closes idle connections now and busy ones after their
   * request. A later request to it would connect anew.
   */
  retire(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#close(entry.pool);
  }

  /** Cuts all connections. */
  async destroy(): Promise<void> {
    clearInterval(this.#sweeper);
    const pools = [...this.#closing, ...[...this.#entries.values()].map(({ pool }) => pool)];
    this.#entries.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #close(pool: Pool): void {
    this.#closing.add(pool);
    pool.close(() => this.#closing.delete(pool));
  }

  #sweep(): void {
    for (const [key, entry] of this.#entries) {
      if (entry.usedSinceSweep || entry.pool.stats.size > 0) entry.usedSinceSweep = false;
      else this.retire(key);
    }
  }
}

function leadsTo(entry: PoolEntry, target: AttemptTarget): boolean {
  const known = entry.target;
  if (known === target) return true;
  return (
    known.port === target.port &&
    known.address.kind === target.address.kind &&
    known.address.value === target.address.value
  );
}

function newPool(target: AttemptTarget, limits: AttemptLimits): Pool {
  return new Pool(originOf(target), {
    connections: limits.maxConnectionsPerEndpoint,
    connect: { timeout: limits.connectTimeoutMs, keepAlive: true, lookup: lookupHost },
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: MAX_KEEP_ALIVE_MS,
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    // The exchange limits the time to the head: it also counts connecting and queueing.
    headersTimeout: 0,
    allowH2: false,
    ...(target.address.kind === "unix" ? { socketPath: target.address.value } : {}),
  });
}

function originOf({ address, port }: AttemptTarget): string {
  if (address.kind === "unix") return "http://localhost";
  const host = address.value.includes(":") ? `[${address.value}]` : address.value;
  return `http://${host}:${port}`;
}
