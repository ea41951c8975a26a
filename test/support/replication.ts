import { digestsEqual } from "../../src/core/model/digest.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../../src/core/model/names.ts";
import type { Fence } from "../../src/core/registry/fences.ts";
import {
  type Origin,
  type RecordEntry,
  type RemovalEntry,
  recordEntry,
  removalEntry,
} from "../../src/core/replication/entry.ts";
import type { Heartbeat, PullChunk } from "../../src/core/replication/messages.ts";
import type { OriginChange } from "../../src/core/replication/origin-change.ts";
import type { OriginLog } from "../../src/core/replication/origin-log.ts";
import type { PullEffect } from "../../src/core/replication/origin-pulls.ts";
import type { OriginSet } from "../../src/core/replication/origin-set.ts";
import { PullServer } from "../../src/core/replication/pull-server.ts";
import { PullSlots } from "../../src/core/replication/pull-slots.ts";
import { RemoteOrigin } from "../../src/core/replication/remote-origin.ts";
import { anInstance } from "./builders.ts";

/** A record of `default/orders`. */
export function aRecord(
  id: string,
  of: { generation?: number; registrationId?: string; weight?: number; adoption?: number } = {},
): RecordEntry {
  const { generation = 1, registrationId = `r-${id}`, weight = 100, adoption = 0 } = of;
  return recordEntry({
    instance: anInstance({
      id,
      generation,
      weight,
      registrationId: registrationId as RegistrationId,
    }),
    defaults: undefined,
    firstRegisteredHlc: 1_000,
    operatorRevision: 0,
    isDraining: false,
    isSuspect: false,
    adoption,
  });
}

/** The end of a registration of `default/orders`, for good unless a generation is given. */
export function aRemoval(
  id: string,
  registrationId = `r-${id}`,
  generation?: number,
): RemovalEntry {
  const fence: Fence = {
    serviceKey: "default/orders" as ServiceKey,
    instanceId: id as InstanceId,
    registrationId: registrationId as RegistrationId,
    kind: generation === undefined ? "registration" : "generation",
    generation: generation ?? 0,
    hlc: 1_000,
    reason: generation === undefined ? "deregistered" : "expired",
  };
  return removalEntry(fence);
}

/** Ids and content, in order: what two equal sets have in common. */
export function listOf(set: OriginSet | undefined): string[] {
  if (set === undefined) return ["nothing loaded"];
  return [...set.entries()]
    .map(({ key, hashHigh, hashLow }) => `${key} ${hashHigh} ${hashLow}`)
    .sort();
}

export function areEqualSets(a: OriginSet, b: OriginSet | undefined): boolean {
  return b !== undefined && digestsEqual(a.root, b.root) && `${listOf(a)}` === `${listOf(b)}`;
}

/** What the origin of a log says each second. */
export function aHeartbeat(log: OriginLog, of: Partial<Heartbeat> = {}): Heartbeat {
  return {
    type: "heartbeat",
    ...log.position,
    wallMs: 1_700_000_000_000,
    applied: [],
    address: "127.0.0.1:7400",
    softwareVersion: "0.1.0",
    flags: { isLeaving: false, isIsolated: false, isSettled: true },
    ...of,
  };
}

/** A copy at replica `b` of what replica `a` logs, with pulls that a test answers, or loses. */
export class CopyWorld {
  readonly changes: OriginChange[] = [];
  readonly sent: PullEffect[] = [];
  readonly slots = new PullSlots();
  readonly remote: RemoteOrigin;
  readonly #server: PullServer;
  nowMs = 0;
  log: OriginLog;
  serverOf: (origin: Origin, attempt: number) => string | undefined = ({ replicaId }) => replicaId;

  constructor(log: OriginLog, random: () => number = () => 0.5, maxChunkBytes?: number) {
    this.log = log;
    this.#server = new PullServer(maxChunkBytes);
    this.remote = new RemoteOrigin("a", {
      requester: "b",
      random,
      slots: this.slots,
      serverOf: (origin, attempt) => this.serverOf(origin, attempt),
      changed: (change) => this.changes.push(change),
    });
  }

  take(effects: readonly PullEffect[]): void {
    this.sent.push(...effects);
  }

  /** Answers what was asked so far and what is asked because of the answers. @returns what was asked */
  answer(): string[] {
    const asked: string[] = [];
    for (let effect = this.sent.shift(); effect !== undefined; effect = this.sent.shift()) {
      asked.push(`${effect.request.want.kind} ${effect.request.chunk}`);
      this.take(this.remote.pullReply(this.answerTo(effect), this.nowMs));
    }
    return asked;
  }

  answerTo({ request }: PullEffect): PullChunk {
    return this.#server.answer(request, this.log, this.nowMs);
  }

  /** Lets time pass, with all pulls answered at once. @returns what was asked */
  run(ms: number): string[] {
    const asked: string[] = [];
    const endMs = this.nowMs + ms;
    for (; this.nowMs < endMs; this.nowMs += 50) {
      this.take(this.remote.tick(this.nowMs));
      asked.push(...this.answer());
    }
    return asked;
  }

  /** Appends and flushes; every batch arrives unless it is told not to. */
  write(entries: readonly (RecordEntry | RemovalEntry)[], isLost = false): void {
    for (const entry of entries) this.log.append(entry);
    for (const batch of this.log.flush()) {
      if (!isLost) this.take(this.remote.batch(batch, this.nowMs));
    }
  }

  beat(): void {
    this.take(this.remote.heartbeat(aHeartbeat(this.log), this.nowMs));
  }
}
