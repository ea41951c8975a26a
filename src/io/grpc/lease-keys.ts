import { MeshError } from "../../core/model/mesh-error.ts";
import {
  DEFAULT_NAMESPACE,
  type InstanceId,
  isInstanceId,
  isName,
  type RegistrationId,
  serviceKey,
} from "../../core/model/names.ts";
import { echo } from "../../core/model/text.ts";
import type { LeaseKey } from "../../core/registry/registry.ts";
import type { LeaseKey as LeaseKeyMessage } from "../../gen/weir/v1/registry.ts";
import type { PageRequest } from "../../ports/registry-service.ts";

/** @throws MeshError INVALID_ARGUMENT naming the field below `path`. */
export function leaseKeyFromWire(message: LeaseKeyMessage | undefined, path: string): LeaseKey {
  if (message === undefined) throw invalid(path, "is missing; name an instance");
  const { namespace, service } = serviceNameFromWire(message, `${path}.`);
  if (!isInstanceId(message.instanceId)) {
    throw invalid(`${path}.instance_id`, `${echo(message.instanceId)} is not an instance id`);
  }
  if (message.registrationId !== "" && !isInstanceId(message.registrationId)) {
    throw invalid(
      `${path}.registration_id`,
      `${echo(message.registrationId)} is not a registration id`,
    );
  }
  return {
    service: serviceKey(namespace, service),
    instanceId: message.instanceId as InstanceId,
    registrationId: message.registrationId as RegistrationId,
  };
}

/** @throws MeshError INVALID_ARGUMENT naming the field. */
export function serviceNameFromWire(
  message: { readonly namespace: string; readonly service: string },
  prefix = "",
): { namespace: string; service: string } {
  const namespace = message.namespace === "" ? DEFAULT_NAMESPACE : message.namespace;
  if (!isName(namespace)) throw invalid(`${prefix}namespace`, nameRule(namespace));
  if (!isName(message.service)) throw invalid(`${prefix}service`, nameRule(message.service));
  return { namespace, service: message.service };
}

/** Pages hold 100 entries unless told otherwise, and never more than 1,000. */
export function pageFromWire(message: { pageSize: number; pageToken: string }): PageRequest {
  if (message.pageSize > 1_000) throw invalid("page_size", `${message.pageSize} is more than 1000`);
  return { size: message.pageSize === 0 ? 100 : message.pageSize, token: message.pageToken };
}

export function limitBatch(count: number, field: string): void {
  if (count > MAX_BATCH)
    throw invalid(field, `${count} entries are more than ${MAX_BATCH}; send several batches`);
}

/** Some 100 KiB: well below the largest message, and a few milliseconds of work. */
const MAX_BATCH = 1_000;

function nameRule(text: string): string {
  if (text === "") return "is empty";
  return `${echo(text)} is not a name: 1..63 of a-z, 0-9 and -, not at the ends`;
}

function invalid(field: string, description: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", `${field} ${description}`, {
    violations: [{ field, description }],
  });
}
