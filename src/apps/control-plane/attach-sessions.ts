import type { Health } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { RegistrationId } from "../../core/model/names.ts";
import type { RegisterInput } from "../../core/registry/admission.ts";
import type { InstanceRecord, RecordLeases } from "../../core/registry/record.ts";
import type { LeaseKey } from "../../core/registry/registry.ts";
import type { AttachSession, AttachSink, NoticeKind } from "../../ports/registry-service.ts";
import type { StreamTurnover } from "./stream-turnover.ts";

/** One file descriptor and some 30 KB each: far more than one machine's agents. */
export const MAX_SESSIONS = 20_000;

/** What sessions do to the registry; the replica that keeps them. */
interface SessionRegistry {
  readonly replicaId: string;
  place(input: RegisterInput, groupFor: (leaseMs: number) => RecordLeases): InstanceRecord;
  newGroup(leaseMs: number, sessionId: string): RecordLeases;
  heard(group: RecordLeases): void;
  setHealth(lease: LeaseKey, health: Health): void;
  publish(): void;
  deregisterAll(leases: readonly LeaseKey[]): ReturnType<AttachSession["deregister"]>;
}

/** The open Attach sessions, by id: an instance's notices go to the session that keeps it. */
export class AttachSessions {
  readonly #replica: SessionRegistry;
  readonly #turnover: StreamTurnover;
  readonly #sessions = new Map<string, OpenSession>();
  #opened = 0;

  constructor(replica: SessionRegistry, turnover: StreamTurnover) {
    this.#replica = replica;
    this.#turnover = turnover;
  }

  get size(): number {
    return this.#sessions.size;
  }

  open(clientId: string, sink: AttachSink): AttachSession {
    if (this.#sessions.size >= MAX_SESSIONS) {
      throw new MeshError(
        "LIMIT_REACHED",
        `this replica keeps ${MAX_SESSIONS} Attach sessions already; attach to another one`,
        {
          quota: { subject: "attach-sessions", description: `${MAX_SESSIONS} sessions a replica` },
          retryAfterMs: 2_000,
        },
      );
    }
    const id = `${this.#replica.replicaId}-${++this.#opened}-${clientId}`;
    const session = new OpenSession(id, this.#replica, sink, () => {
      this.#sessions.delete(id);
      this.#turnover.closed(sink);
    });
    this.#sessions.set(id, session);
    this.#turnover.opened(sink);
    return session;
  }

  isOpen(sessionId: string): boolean {
    return this.#sessions.has(sessionId);
  }

  /** @param group under whose leases it is, or was */
  notify(record: InstanceRecord, kind: NoticeKind, detail: string, group = record.group): void {
    const session = this.#sessions.get(group.sessionId);
    session?.sink.notice(leaseOf(record), kind, detail);
  }

  drain(retryAfterMs: number): void {
    for (const { sink } of this.#sessions.values()) sink.drain(retryAfterMs);
  }

  end(): void {
    for (const { sink } of this.#sessions.values()) sink.end();
  }
}

export function leaseOf(record: InstanceRecord): LeaseKey {
  const { id, registrationId } = record.instance;
  return {
    service: record.service.key,
    instanceId: id,
    registrationId: registrationId as RegistrationId,
  };
}

class OpenSession implements AttachSession {
  readonly id: string;
  readonly sink: AttachSink;
  readonly #replica: SessionRegistry;
  readonly #forget: () => void;
  readonly #groups = new Map<number, RecordLeases>();

  constructor(id: string, replica: SessionRegistry, sink: AttachSink, forget: () => void) {
    this.id = id;
    this.sink = sink;
    this.#replica = replica;
    this.#forget = forget;
  }

  register(input: RegisterInput): InstanceRecord {
    return this.#replica.place(input, this.#groupFor);
  }

  flush(): void {
    this.beat();
    this.#replica.publish();
  }

  beat(): void {
    for (const group of this.#groups.values()) this.#replica.heard(group);
  }

  setHealth(lease: LeaseKey, health: Health): void {
    this.#replica.setHealth(lease, health);
  }

  async deregister(
    leases: readonly LeaseKey[],
  ): Promise<("removed" | "not-found" | "superseded")[]> {
    this.beat();
    return this.#replica.deregisterAll(leases);
  }

  /** Ends no lease: the client has the rest of it to attach again, here or elsewhere. */
  closed(): void {
    this.#forget();
  }

  readonly #groupFor = (leaseMs: number): RecordLeases => {
    const known = this.#groups.get(leaseMs);
    // A group that expired whole has left the wheel: its successor must enter it again.
    if (known !== undefined && known.size > 0) return known;
    const group = this.#replica.newGroup(leaseMs, this.id);
    this.#groups.set(leaseMs, group);
    return group;
  };
}
