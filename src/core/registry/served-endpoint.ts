import type { Endpoint, EndpointState } from "../model/endpoint.ts";
import { SequenceHash } from "../model/hash.ts";
import type { Address, Instance, Locality, Metadata, Port } from "../model/instance.ts";
import type { InstanceId, RegistrationId } from "../model/names.ts";

/**
 * An endpoint as the registry serves it: the instance that registered, without a copy of it, and
 * what the server says of it. A replica holds 200,000 of them.
 */
export class ServedEndpoint implements Endpoint {
  readonly state: EndpointState;
  readonly operatorRevision: number;
  readonly firstRegistered: number;
  /** The halves of the hash, which are numbers without an object of their own. */
  readonly #hashHigh: number;
  readonly #hashLow: number;
  #instance: Instance;

  constructor(
    instance: Instance,
    state: EndpointState,
    operatorRevision: number,
    firstRegistered: number,
  ) {
    this.#instance = instance;
    this.state = state;
    this.operatorRevision = operatorRevision;
    this.firstRegistered = firstRegistered;
    hashContent(instance, state);
    this.#hashHigh = hash.high;
    this.#hashLow = hash.low;
  }

  get hash(): bigint {
    return joined(this.#hashHigh, this.#hashLow);
  }

  get id(): InstanceId {
    return this.#instance.id;
  }

  get registrationId(): RegistrationId {
    return this.#instance.registrationId;
  }

  get address(): Address {
    return this.#instance.address;
  }

  get ports(): readonly Port[] {
    return this.#instance.ports;
  }

  get weight(): number {
    return this.#instance.weight;
  }

  get priority(): number {
    return this.#instance.priority;
  }

  get locality(): Locality {
    return this.#instance.locality;
  }

  get metadata(): Metadata {
    return this.#instance.metadata;
  }

  /** True when this is what agents would be told of the instance. */
  says(instance: Instance, state: EndpointState, operatorRevision: number): boolean {
    hashContent(instance, state);
    return (
      this.#hashHigh === hash.high &&
      this.#hashLow === hash.low &&
      this.operatorRevision === operatorRevision
    );
  }

  /** Lets go of a former instance with the same content, which nobody else keeps. */
  adopt(instance: Instance): void {
    this.#instance = instance;
  }
}

const STATE_NUMBERS: Readonly<Record<EndpointState, number>> = {
  healthy: 1,
  unhealthy: 2,
  suspect: 3,
  draining: 4,
};

const hash = new SequenceHash();

const halves = new Int32Array(2);
const whole = new BigUint64Array(halves.buffer);

function joined(high: number, low: number): bigint {
  halves[0] = low;
  halves[1] = high;
  return whole[0] ?? 0n;
}

/** Leaves in `hash` what identifies everything that agents are told but the operator's revision. */
function hashContent(instance: Instance, state: EndpointState): void {
  const { address, locality, metadata } = instance;
  hash.start();
  hash.text(instance.id);
  hash.text(instance.registrationId);
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
  hash.number(STATE_NUMBERS[state]);
  hash.text(locality.region);
  hash.text(locality.zone);
  hash.text(locality.subZone);
  hash.pairs(metadata);
  hash.finish();
}
