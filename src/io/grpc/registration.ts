import type { RegisterInput } from "../../core/registry/admission.ts";
import { renewIntervalMs } from "../../core/registry/lease.ts";
import type { InstanceRecord } from "../../core/registry/record.ts";
import type { RegisterResponse, Registration } from "../../gen/weir/v1/registry.ts";
import { msToDuration } from "../wire/duration.ts";
import { defaultsFromWire, instanceFromWire } from "../wire/instance.ts";
import { decodeLeaseToken, encodeLeaseToken } from "../wire/lease-token.ts";

/** One registration of a unary call or a batch. @throws MeshError INVALID_ARGUMENT naming fields below `path`. */
export function registrationFromWire(message: Registration, path: string): RegisterInput {
  const instance = instanceFromWire(message.instance, `${path}instance`);
  const defaults =
    message.serviceDefaults === undefined
      ? undefined
      : defaultsFromWire(message.serviceDefaults, `${path}service_defaults`);
  if (message.leaseToken.length === 0) return { instance, defaults };
  const token = decodeLeaseToken(message.leaseToken);
  // Another process's token says nothing about this one.
  if (token.registrationId !== instance.registrationId) return { instance, defaults };
  return { instance, defaults, firstRegisteredHlc: token.firstRegisteredHlc };
}

/** What a client is told of its registration. */
export function registeredToWire(record: InstanceRecord): RegisterResponse {
  const { registrationId, generation, leaseMs } = record.instance;
  return {
    registrationId,
    generation: BigInt(generation),
    leaseToken: Buffer.from(
      encodeLeaseToken({ registrationId, firstRegisteredHlc: record.firstRegisteredHlc }),
    ),
    lease: msToDuration(leaseMs),
    renewInterval: msToDuration(renewIntervalMs(leaseMs)),
  };
}
