import type { Fence } from "../../core/registry/fences.ts";
import type { InstanceRecord } from "../../core/registry/record.ts";

/** Tells other replicas what this one wrote and ended. */
export interface ReplicationVoice {
  written(record: InstanceRecord): void;
  ended(fence: Fence): void;
  handedOver(record: InstanceRecord, formerGeneration: number): void;
  publish(): void;
}

/** Nobody else is there to be told. */
export const ALONE: ReplicationVoice = { written() {}, ended() {}, handedOver() {}, publish() {} };
