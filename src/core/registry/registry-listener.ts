import type { RemovalReason } from "../model/endpoint.ts";
import type { Fence } from "./fences.ts";
import type { InstanceRecord, RecordLeases, RegisteredService } from "./record.ts";

/** Learns what changed, at once and in order. */
export interface RegistryListener {
  upserted(record: InstanceRecord): void;
  removed(record: InstanceRecord, reason: RemovalReason, fence: Fence): void;
  serviceChanged(service: RegisteredService): void;
  /** An own record was written: also what agents need not know, such as its generation. */
  written(record: InstanceRecord): void;
  /** Something ended that other replicas must hear of from us: our own, or by our decision. */
  ended(fence: Fence): void;
  /** A record that was our own belongs to another replica now: its client attached there, or it took it over. */
  handedOver(record: InstanceRecord, formerGeneration: number, former: RecordLeases): void;
}
