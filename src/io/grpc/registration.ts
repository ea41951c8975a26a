import type { RegisterInput } from "../../core/registry/admission.ts";
import type { Registration } from "../../gen/weir/v1/registry.ts";
import { defaultsFromWire, instanceFromWire } from "../wire/instance.ts";
import { decodeLeaseToken } from "../wire/lease-token.ts";

/** A registration as the service's reader gives it: read already, or as a message. @throws like `registrationFromWire`. */
export function registrationOf(read: RegisterInput | Registration, path: string): RegisterInput {
  return "leaseToken" in read ? registrationFromWire(read, path) : read;
}

/** One registration of a unary call or a batch. @throws MeshError INVALID_ARGUMENT naming fields below `path`. */
function registrationFromWire(message: Registration, path: string): RegisterInput {
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
