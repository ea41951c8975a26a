import { IdMap } from "../model/id-map.ts";
import type { ServiceDefaults } from "../model/instance.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";

/** What a registration says of its service, and how old it is. */
interface Registered {
  readonly id: InstanceId;
  readonly defaults: ServiceDefaults | undefined;
  readonly firstRegisteredHlc: number;
  readonly instance: { readonly registrationId: RegistrationId };
}

/** A service and its instances. It outlives its last instance for a while, so that "empty" is not "unknown". */
export class ServiceEntry<Member extends Registered> {
  readonly key: ServiceKey;
  readonly namespace: string;
  readonly name: string;
  readonly records = new IdMap<Member>();
  /** What the oldest registration with defaults said. */
  defaults: ServiceDefaults | undefined;
  /** True while instances disagree about the defaults. */
  hasConflictingDefaults = false;
  /** When the last instance left, or 0. */
  emptySinceMs = 0;
  /** Whose answer counts; `undefined` when that must be looked up again. */
  #decider: Member | undefined;

  constructor(key: ServiceKey, namespace: string, name: string) {
    this.key = key;
    this.namespace = namespace;
    this.name = name;
  }

  /** Usually a newcomer agrees, and is not the oldest: then nobody else is looked at. @returns true when the answer changed. */
  joined(member: Member): boolean {
    if (member.defaults === undefined) return false;
    const decider = this.#decider;
    if (decider === undefined || isOlder(member, decider)) return this.refreshDefaults();
    this.hasConflictingDefaults ||= !sameDefaults(member.defaults, decider.defaults);
    return false;
  }

  /** While all agree, nobody's leaving changes the answer. @returns true when the answer changed. */
  left(member: Member): boolean {
    if (this.#decider === member) this.#decider = undefined;
    return member.defaults !== undefined && this.hasConflictingDefaults && this.refreshDefaults();
  }

  /**
   * The defaults of the oldest registration that has any: while two answers exist, a
   * latecomer changes nothing; when the last instance with the old answer has left, the new
   * one counts. Follows from the records alone, so that replicas agree without a record of its own.
   *
   * @returns true when the answer changed.
   */
  refreshDefaults(): boolean {
    let oldest: Member | undefined;
    let isConflicting = false;
    for (const record of this.records.values()) {
      if (record.defaults === undefined) continue;
      if (oldest !== undefined) isConflicting ||= !sameDefaults(oldest.defaults, record.defaults);
      if (oldest === undefined || isOlder(record, oldest)) oldest = record;
    }
    this.hasConflictingDefaults = isConflicting;
    this.#decider = oldest;
    // An empty service keeps its answer until somebody else gives one.
    if (oldest === undefined || sameDefaults(this.defaults, oldest.defaults)) return false;
    this.defaults = oldest.defaults;
    return true;
  }
}

function isOlder(a: Registered, b: Registered): boolean {
  if (a.firstRegisteredHlc !== b.firstRegisteredHlc) {
    return a.firstRegisteredHlc < b.firstRegisteredHlc;
  }
  return a.instance.registrationId < b.instance.registrationId;
}

/** True when both say the same, or neither says anything. */
export function sameDefaults(
  a: ServiceDefaults | undefined,
  b: ServiceDefaults | undefined,
): boolean {
  return a?.protocol === b?.protocol && a?.policy === b?.policy;
}
