import { SequenceHash } from "../model/hash.ts";
import type { Instance, Metadata, ServiceDefaults } from "../model/instance.ts";

/** Reused: what `contentHash` returns is valid until its next call. */
const hash = new SequenceHash();
const pairHash = new SequenceHash();

interface Content {
  readonly instance: Instance;
  readonly defaults: ServiceDefaults | undefined;
  readonly firstRegisteredHlc: number;
  readonly operatorRevision: number;
  readonly isDraining: boolean;
  readonly isSuspect: boolean;
  readonly adoption: number;
}

/**
 * 64 bits of everything that replicas must agree on: key, registration, generation, adoption, the
 * operator's part and the content. Only a record's origin computes it.
 */
export function contentHash(content: Content): { readonly high: number; readonly low: number } {
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
  hash.number(metadata.size);
  if (metadata.size > 0) addLabels(metadata);
}

/** Both halves: the hash takes 32 bits at a time. */
function addWhole(value: number): void {
  hash.number(Math.floor(value / 2 ** 32));
  hash.number(value >>> 0);
}

/** Labels have no order, so the hash takes the sum of theirs. */
function addLabels(metadata: Metadata): void {
  let high = 0;
  let low = 0;
  for (const [key, value] of metadata) {
    pairHash.start();
    pairHash.text(key);
    pairHash.text(value);
    pairHash.finish();
    high = (high + pairHash.high) | 0;
    low = (low + pairHash.low) | 0;
  }
  hash.number(high);
  hash.number(low);
}
