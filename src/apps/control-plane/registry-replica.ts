import type { ServiceView } from "../../core/discovery/service-view.ts";
import type { RemovalReason } from "../../core/model/endpoint.ts";
import { formatAddress, type Health, type Metadata } from "../../core/model/instance.ts";
import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import { serviceKey } from "../../core/model/names.ts";
import { Tally } from "../../core/model/tally.ts";
import type { RegisterInput } from "../../core/registry/admission.ts";
import { adopt } from "../../core/registry/adoption.ts";
import type { Fence } from "../../core/registry/fences.ts";
import { LeaseGroup } from "../../core/registry/lease.ts";
import type {
  InstanceRecord,
  RecordLeases,
  RegisteredService,
} from "../../core/registry/record.ts";
import { type LeaseKey, type LeaseResult, Registry } from "../../core/registry/registry.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import type {
  AttachSession,
  AttachSink,
  DrainResult,
  Page,
  PageRequest,
  RegistryService,
} from "../../ports/registry-service.ts";
import type { JournalEntry, RegistryStore } from "../../ports/registry-store.ts";
import { AttachSessions } from "./attach-sessions.ts";
import { BatchTime } from "./batch-time.ts";
import type { DiscoveryHub } from "./discovery-hub.ts";
import type { DrainWaits } from "./drain-waits.ts";
import { findRecord } from "./find-record.ts";
import { instancesOf, servicesOf, unknownService } from "./listing.ts";
import { OperatorDrains } from "./operator-drains.ts";
import { NO_OWNERS, type Owners } from "./owners.ts";
import { drainingError, REFUSALS, refusalError } from "./registry-errors.ts";
import { Renewals } from "./renewals.ts";
import { ALONE, type ReplicationVoice } from "./replication-voice.ts";
import type { StreamTurnover } from "./stream-turnover.ts";

export interface ReplicaOptions {
  readonly replicaId: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: RegistryStore;
  readonly hub: DiscoveryHub;
  readonly turnover: StreamTurnover;
}

/** The registry of this replica with what surrounds it: sessions, journal, watchers. */
export class RegistryReplica implements RegistryService {
  readonly replicaId: string;
  readonly registry: Registry;
  readonly sessions: AttachSessions;
  readonly renewals: Renewals;
  readonly operatorDrains: OperatorDrains;
  /** Registrations that were not let in, by why. */
  readonly refusals = new Tally<MeshErrorCode>(REFUSALS);
  readonly #clock: Clock;
  readonly #time: BatchTime;
  readonly #log: Log;
  readonly #store: RegistryStore;
  readonly #hub: DiscoveryHub;
  #replication: ReplicationVoice = ALONE;
  #owners: Owners = NO_OWNERS;
  #waits: DrainWaits | undefined;
  #isDraining = false;

  constructor(options: ReplicaOptions) {
    this.replicaId = options.replicaId;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#store = options.store;
    this.#hub = options.hub;
    this.#time = new BatchTime(options.clock);
    this.sessions = new AttachSessions(this, options.turnover);
    this.registry = new Registry({
      upserted: (record) => this.#hub.upserted(record),
      removed: (record, reason, fence) => this.#removed(record, reason, fence),
      serviceChanged: (service) => this.#hub.serviceChanged(service),
      written: (record) => this.#replication.written(record),
      ended: (fence) => this.#replication.ended(fence),
      handedOver: (record, generation, former) => this.#handedOver(record, generation, former),
    });
    const { registry } = this;
    const { clock } = options;
    const publish = () => this.publish();
    const newGroup = (leaseMs: number) => this.newGroup(leaseMs, "");
    this.renewals = new Renewals({ registry, clock, newGroup, publish });
    this.operatorDrains = new OperatorDrains({
      ...{ registry, clock, publish },
      journal: (entry) => this.#journal(entry),
      // Its client is attached elsewhere: that it is not heard here says nothing.
      takeOver: (record) => adopt(registry, record, registry.unowned.group, clock.nowMs()),
    });
  }

  /** The drains need the watchers, which need the hub: tied together at the start. */
  useDrains(waits: DrainWaits): void {
    this.#waits = waits;
  }

  /** Before anything is registered or restored: what was written earlier would never be told. */
  useReplication(replication: ReplicationVoice): void {
    this.#replication = replication;
  }

  /** What only its owner may do to a record is asked of it from now on. */
  useOwners(owners: Owners): void {
    this.#owners = owners;
    this.renewals.useOwners(owners);
    this.operatorDrains.useOwners(owners);
  }

  register(input: RegisterInput): InstanceRecord {
    this.#time.end();
    const record = this.place(input, (leaseMs) => this.newGroup(leaseMs, ""));
    this.publish();
    return record;
  }

  /** Registers without telling watchers yet. @throws MeshError */
  place(input: RegisterInput, groupFor: (leaseMs: number) => RecordLeases): InstanceRecord {
    if (this.#isDraining) throw drainingError();
    const result = this.registry.register(input, groupFor, this.#time);
    if (result.kind === "registered") return result.record;
    throw refusalError(result);
  }

  refused(error: unknown): void {
    if (error instanceof MeshError) this.refusals.add(error.code);
  }

  newGroup(leaseMs: number, sessionId: string): RecordLeases {
    const group = new LeaseGroup<InstanceRecord>(leaseMs, sessionId, this.#clock.nowMs());
    this.registry.leases.add(group);
    return group;
  }

  heard(group: RecordLeases): void {
    this.registry.heard(group, this.#clock.nowMs());
    if (group.sessionId !== "") this.publish();
  }

  setHealth(lease: LeaseKey, health: Health): void {
    const record = this.registry.find(lease);
    // Of a client that attached elsewhere meanwhile, this session is the older one.
    if (record?.isOwn === true) this.registry.setHealth(record, health);
  }

  /** Tells watchers what changed since the last call. */
  publish(): void {
    this.#time.end();
    this.#replication.publish();
    this.#hub.publish();
  }

  renew(leases: readonly LeaseKey[]): LeaseResult[] | Promise<LeaseResult[]> {
    return this.renewals.renew(leases);
  }

  async deregister(lease: LeaseKey): Promise<string> {
    const known = this.registry.find(lease);
    await this.deregisterAll([lease]);
    const record = known ?? findRecord(this.registry, lease, this.#owners.isSynced);
    return record.instance.registrationId;
  }

  async evict(lease: LeaseKey): Promise<string> {
    const record = findRecord(this.registry, lease, this.#owners.isSynced);
    const written = this.#remove(record, "evicted");
    this.publish();
    await written;
    return record.instance.registrationId;
  }

  async deregisterAll(
    leases: readonly LeaseKey[],
  ): Promise<("removed" | "not-found" | "superseded")[]> {
    const written: Promise<void>[] = [];
    const results = leases.map((lease) => {
      const record = this.registry.find(lease);
      if (record === undefined) {
        // That another process holds the id says nothing: this one may be newer, where we do not hear of it.
        const outcome = this.registry.whyMissing(lease);
        written.push(this.#endUnknown(lease));
        return outcome;
      }
      written.push(this.#remove(record, "deregistered"));
      return "removed" as const;
    });
    this.publish();
    await Promise.all(written);
    return results;
  }

  async drain(lease: LeaseKey, deadlineMs: number, signal: AbortSignal): Promise<DrainResult> {
    if (this.#waits === undefined) throw new MeshError("INTERNAL", "drains are not wired");
    const question = await this.operatorDrains.set(lease, true);
    return this.#waits.until(question, deadlineMs, signal);
  }

  async undrain(lease: LeaseKey): Promise<number> {
    return (await this.operatorDrains.set(lease, false)).operatorRevision;
  }

  attach(clientId: string, sink: AttachSink): AttachSession {
    if (this.#isDraining) throw drainingError();
    return this.sessions.open(clientId, sink);
  }

  listServices(namespace: string, page: PageRequest): Page<RegisteredService> {
    return servicesOf(this.registry, namespace, page);
  }

  listInstances(
    namespace: string,
    service: string,
    metadata: Metadata,
    page: PageRequest,
  ): Page<InstanceRecord> {
    return instancesOf(this.registry, serviceKey(namespace, service), metadata, page);
  }

  resolve(namespace: string, service: string): ServiceView {
    const key = serviceKey(namespace, service);
    const view = this.#hub.views.get(key)?.view;
    if (view === undefined || !view.exists) throw unknownService(key);
    return view;
  }

  leaseRemainingMs(record: InstanceRecord): number {
    // Only the owner knows how long another replica's client has been silent.
    if (!record.isOwn) return record.instance.leaseMs;
    return record.group.dueAtMs - this.#clock.nowMs();
  }

  /** From now on nobody new is let in. */
  startDraining(retryAfterMs: number): void {
    this.#isDraining = true;
    this.sessions.drain(retryAfterMs);
  }

  /** Gone at once for everybody; the promise says when that is on disk. */
  #remove(record: InstanceRecord, reason: "deregistered" | "evicted"): Promise<void> {
    const fence = this.registry.remove(record, reason, this.#clock.nowMs(), this.#clock.wallMs());
    return this.#journal({ kind: reason === "evicted" ? "evict" : "deregister", fence });
  }

  /** Of a registration that is at a replica out of reach, perhaps: when that hears of it, it is over there, too. */
  async #endUnknown(lease: LeaseKey): Promise<void> {
    const time = { nowMs: this.#clock.nowMs(), wallMs: this.#clock.wallMs() };
    const fence = this.registry.shutOut(lease, "deregistered", time);
    if (fence !== undefined) await this.#journal({ kind: "deregister", fence });
  }

  #removed(record: InstanceRecord, reason: RemovalReason, fence: Fence): void {
    this.#hub.removed(record, reason);
    if (reason === "expired") {
      this.sessions.notify(
        record,
        "reattach",
        "the lease ran out; register again with the next generation",
      );
      return;
    }
    if (reason === "evicted") {
      this.sessions.notify(record, "evicted", "an operator evicted this instance");
    }
    if (reason !== "superseded") return;
    // Nobody waits for this one: the newcomer's registration is not less true without it.
    void this.#journal({ kind: "supersede", fence }).catch(() => undefined);
    this.sessions.notify(
      record,
      "superseded",
      `another process registered ${record.service.key}/${record.instance.id}; this one was at ${formatAddress(record.instance.address, record.instance.ports[0]?.port ?? 0)}`,
    );
  }

  #handedOver(record: InstanceRecord, formerGeneration: number, former: RecordLeases): void {
    this.#replication.handedOver(record, formerGeneration);
    // Its client went there by itself, and counted.
    if (record.instance.generation > formerGeneration) return;
    const why = `replica ${record.group.ownerId} took it over; register again with the next generation`;
    this.sessions.notify(record, "reattach", why, former);
  }

  #journal(entry: JournalEntry): Promise<void> {
    const written = this.#store.appendJournal(entry);
    // Whoever waits for it gets the error; nobody waiting must not end the process.
    written.catch((cause: unknown) => {
      this.#log.error({ err: cause, kind: entry.kind }, "the journal could not be written");
    });
    return written;
  }
}
