import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import { digestsEqual } from "../../src/core/model/digest.ts";
import { type ServiceKey, splitServiceKey } from "../../src/core/model/names.ts";
import type { InstanceRecord } from "../../src/core/registry/record.ts";
import { SERVICE_KEYS } from "./services.ts";
import type { SimReplica } from "./sim-replica.ts";

/** I2: all replicas hold the same records, and tell agents the same digest. */
export function whyReplicasDiffer([first, ...others]: readonly SimReplica[]): string | undefined {
  if (first?.plane === undefined) return `${first?.name} is away`;
  for (const other of others) {
    if (other.plane === undefined) return `${other.name} is away`;
    for (const key of SERVICE_KEYS) {
      const difference = differenceOf(first.plane, other.plane, key);
      if (difference !== undefined) {
        const { mine, theirs } = difference;
        return `${first.name} has ${mine} of ${key} and ${other.name} has ${theirs}`;
      }
    }
  }
  return undefined;
}

function differenceOf(
  one: ControlPlane,
  other: ControlPlane,
  key: ServiceKey,
): { mine: string; theirs: string } | undefined {
  const theirs = new Map(recordsOf(other, key).map((record) => [record.id, textOf(record)]));
  for (const record of recordsOf(one, key)) {
    const text = theirs.get(record.id);
    if (text !== textOf(record)) return { mine: textOf(record), theirs: text ?? "nothing" };
    theirs.delete(record.id);
  }
  const [surplus] = theirs.values();
  if (surplus !== undefined) return { mine: "nothing", theirs: surplus };
  if (recordsOf(one, key).length === 0) return undefined;
  const digest = digestOf(one, key);
  return digestsEqual(digest, digestOf(other, key))
    ? undefined
    : { mine: "one digest", theirs: "another" };
}

function recordsOf({ replica }: ControlPlane, key: ServiceKey): InstanceRecord[] {
  return [...(replica.registry.services.get(key)?.records.values() ?? [])];
}

function digestOf({ replica }: ControlPlane, key: ServiceKey) {
  const { namespace, service } = splitServiceKey(key);
  return replica.resolve(namespace, service).digest;
}

function textOf({ instance, endpoint, operatorRevision, adoption }: InstanceRecord): string {
  const { registrationId, generation } = instance;
  return `${registrationId} ${endpoint.state}, generation ${generation}.${adoption}, revision ${operatorRevision}`;
}
