import type { EndpointsUpdate } from "../../core/discovery/update.ts";
import type { Endpoint } from "../../core/model/endpoint.ts";
import { formatAddress, type Metadata } from "../../core/model/instance.ts";
import { hasPairs } from "./filters.ts";

/** One thing that happened, as `weir watch` prints it. */
export interface WatchEvent {
  readonly kind: "added" | "changed" | "removed";
  readonly namespace: string;
  readonly service: string;
  /** As it is now, or was last. */
  readonly endpoint: Endpoint;
  /** Why, in words. */
  readonly reason: string;
}

/**
 * What a person who watches one service has seen of it. Turns updates into events, so that a
 * snapshot after a lost connection prints what changed meanwhile and not everything again.
 */
export class WatchView {
  #seen = new Map<string, Endpoint>();
  #snapshot: Map<string, Endpoint> | undefined;
  #isFirst = true;
  readonly #filter: Metadata;

  /** @param filter only endpoints with all of these labels are seen. */
  constructor(filter: Metadata) {
    this.#filter = filter;
  }

  apply(update: EndpointsUpdate): WatchEvent[] {
    switch (update.kind) {
      case "pending":
      case "resumed":
        return [];
      case "delta":
        return this.#applyDelta(update);
      case "absent":
        return this.#replace(update, new Map());
      case "snapshot":
        return this.#applyChunk(update);
    }
  }

  #applyDelta(update: EndpointsUpdate): WatchEvent[] {
    const removed = update.removals.flatMap(({ id, reason }) => this.#remove(update, id, reason));
    return [...removed, ...update.upserts.flatMap((endpoint) => this.#put(update, endpoint))];
  }

  #applyChunk(update: EndpointsUpdate): WatchEvent[] {
    if (update.chunk === 0 || this.#snapshot === undefined) this.#snapshot = new Map();
    for (const endpoint of update.upserts) this.#snapshot.set(endpoint.id, endpoint);
    if (!update.isLastChunk) return [];
    const snapshot = this.#snapshot;
    this.#snapshot = undefined;
    return this.#replace(update, snapshot);
  }

  /** Absence removes only when the server has heard everybody. */
  #replace(update: EndpointsUpdate, now: ReadonlyMap<string, Endpoint>): WatchEvent[] {
    const gone = update.settled ? [...this.#seen.keys()].filter((id) => !now.has(id)) : [];
    const reasons = new Map(update.removals.map(({ id, reason }) => [id as string, reason]));
    const removed = gone.flatMap((id) =>
      this.#remove(update, id, reasons.get(id) ?? "gone, unseen when"),
    );
    const others = [...now.values()].flatMap((endpoint) => this.#put(update, endpoint));
    this.#isFirst = false;
    return [...removed, ...others];
  }

  #put(update: EndpointsUpdate, endpoint: Endpoint): WatchEvent[] {
    const { namespace, service } = update;
    if (!hasPairs(endpoint.metadata, this.#filter)) {
      return this.#remove(update, endpoint.id, "its labels no longer match");
    }
    const former = this.#seen.get(endpoint.id);
    this.#seen.set(endpoint.id, endpoint);
    if (former === undefined) {
      const reason = this.#isFirst ? "there already" : "registered";
      return [{ kind: "added", namespace, service, endpoint, reason }];
    }
    const reason = difference(former, endpoint);
    return reason === "" ? [] : [{ kind: "changed", namespace, service, endpoint, reason }];
  }

  #remove(update: EndpointsUpdate, id: string, reason: string): WatchEvent[] {
    const { namespace, service } = update;
    const endpoint = this.#seen.get(id);
    if (!this.#seen.delete(id) || endpoint === undefined) return [];
    return [{ kind: "removed", namespace, service, endpoint, reason }];
  }
}

/** What changed, in words; empty when nothing did. */
function difference(former: Endpoint, now: Endpoint): string {
  const changes = [];
  if (former.registrationId !== now.registrationId) changes.push("a new process");
  if (former.state !== now.state) changes.push(`${former.state} -> ${now.state}`);
  if (former.weight !== now.weight) changes.push(`weight ${former.weight} -> ${now.weight}`);
  if (former.priority !== now.priority) {
    changes.push(`priority ${former.priority} -> ${now.priority}`);
  }
  if (addressOf(former) !== addressOf(now)) {
    changes.push(`address ${addressOf(former)} -> ${addressOf(now)}`);
  }
  if (changes.length === 0 && former.hash !== now.hash) changes.push("labels, ports or locality");
  return changes.join(", ");
}

/** `host:port` of its default port. */
export function addressOf({ address, ports }: Endpoint): string {
  return formatAddress(address, ports[0]?.port ?? 0);
}
