import type { ServiceDefaults } from "../model/instance.ts";
import type { InstanceId, ServiceKey } from "../model/names.ts";
import type { InstanceRecord } from "./record.ts";

/** A service and its instances. It outlives its last instance for a while, so that "empty" is not "unknown". */
export class ServiceEntry {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly records = new Map<InstanceId, InstanceRecord>();
  /** What the oldest registration with defaults said. */
  defaults: ServiceDefaults | undefined;
  /** True while instances disagree about the defaults. */
  hasConflictingDefaults = false;
  /** When the last instance left, or 0. */
  emptySinceMs = 0;

  constructor(key: ServiceKey, namespace: string, name: string) {
    this.key = key;
    this.namespace = namespace;
    this.name = name;
  }

  /**
   * The defaults of the oldest registration that has any: while two answers exist, a
   * latecomer changes nothing; when the last instance with the old answer has left, the new
   * one counts. Follows from the records alone, so that replicas agree without a record of its own.
   *
   * @returns true when the answer changed.
   */
  refreshDefaults(): boolean {
    let oldest: InstanceRecord | undefined;
    let isConflicting = false;
    for (const record of this.records.values()) {
      if (record.defaults === undefined) continue;
      if (oldest !== undefined) isConflicting ||= !sameDefaults(oldest.defaults, record.defaults);
      if (oldest === undefined || isOlder(record, oldest)) oldest = record;
    }
    this.hasConflictingDefaults = isConflicting;
    // An empty service keeps its answer until somebody else gives one.
    if (oldest === undefined || sameDefaults(this.defaults, oldest.defaults)) return false;
    this.defaults = oldest.defaults;
    return true;
  }
}

function isOlder(a: InstanceRecord, b: InstanceRecord): boolean {
  if (a.firstRegisteredHlc !== b.firstRegisteredHlc) {
    return a.firstRegisteredHlc < b.firstRegisteredHlc;
  }
  return a.instance.registrationId < b.instance.registrationId;
}

function sameDefaults(a: ServiceDefaults | undefined, b: ServiceDefaults | undefined): boolean {
  return a?.protocol === b?.protocol && a?.policy === b?.policy;
}
