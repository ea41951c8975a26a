/** The changes that the propagate bench writes: known instances whose `sent` label is new. */
import { RegisterRequest } from "../src/gen/weir/v1/registry.ts";
import { NO_STAMP, STAMP_LABEL, stampOf } from "./propagate-protocol.ts";
import { instanceMessage, SERVICES, serviceName } from "./register-instances.ts";

/** All services of the instances. */
export const PROPAGATED_SERVICES = Array.from({ length: SERVICES }, (_, i) => serviceName(i));

/** A request that waits for its time to be written into it. */
export function requestTemplate(index: number): Buffer {
  const instance = instanceMessage(index, 0);
  instance.metadata.set(STAMP_LABEL, NO_STAMP);
  const request = { instance, serviceDefaults: undefined, leaseToken: Buffer.alloc(0) };
  return Buffer.from(RegisterRequest.encode(request).finish());
}

/** A copy of the template with a time in it. */
export function stamped(template: Buffer, ns: number): Buffer {
  const bytes = Buffer.from(template);
  bytes.write(stampOf(ns), bytes.indexOf(NO_STAMP), "latin1");
  return bytes;
}
