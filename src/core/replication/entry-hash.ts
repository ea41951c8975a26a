import { SequenceHash } from "../model/hash.ts";
import type { Instance } from "../model/instance.ts";
import type { ForeignRecord } from "../registry/foreign-records.ts";

/** Reused: what `contentHash` returns is valid until its next call. */
const hash = new SequenceHash();

/**
 * 64 bits of everything that replicas must agree on: key, registration, generation, adoption, the
 * operator's part and the content. Only a record's origin computes it.
 */
export function contentHash(content: ForeignRecord): {
  readonly high: number;
  readonly low: number;
} {
  const { instance, defaults } = content;
  hash.start();
  addInstance(instance);
  hash.text(defaults?.protocol ?? "");
  hash.text(defaults?.policy ?? "");
  addWhole(content.firstRegisteredHlc);
  addWhole(content.operatorRevision);
  addWhole(content.adoption);
  hash.number((content.isDraining ? 1 : 0) + (content.isSuspect ? 2 : 0));
  hash.finish();
  return hash;
}

function addInstance(instance: Instance): void {
  const { address, locality, metadata } = instance;
  hash.text(instance.namespace);
  hash.text(instance.service);
  hash.text(instance.id);
  hash.text(instance.registrationId);
  addWhole(instance.generation);
  hash.text(address.kind);
  hash.text(address.value);
  hash.number(instance.ports.length);
  for (const { name, port, protocol } of instance.ports) {
    hash.text(name);
    hash.number(port);
    hash.text(protocol);
  }
  hash.number(instance.weight);
  hash.number(instance.priority);
  hash.text(locality.region);
  hash.text(locality.zone);
  hash.text(locality.subZone);
  hash.text(instance.health);
  addWhole(instance.leaseMs);
  hash.pairs(metadata);
}

/** Both halves: the hash takes 32 bits at a time. */
function addWhole(value: number): void {
  hash.number(Math.floor(value / 2 ** 32));
  hash.number(value >>> 0);
}
