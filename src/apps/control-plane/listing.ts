import type { Metadata } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ServiceKey } from "../../core/model/names.ts";
import type { InstanceRecord, RegisteredService } from "../../core/registry/record.ts";
import type { Registry } from "../../core/registry/registry.ts";
import type { Page, PageRequest } from "../../ports/registry-service.ts";
import { pageOf } from "./page.ts";

/** Services of one namespace, or of all with `""`, ordered by namespace and name. */
export function servicesOf(
  registry: Registry,
  namespace: string,
  page: PageRequest,
): Page<RegisteredService> {
  const all = [...registry.services.values()].filter(
    (service) => namespace === "" || service.namespace === namespace,
  );
  return pageOf(all, (service) => service.key, page);
}

/** Instances whose metadata have all of the given pairs, ordered by id. @throws MeshError SERVICE_NOT_FOUND */
export function instancesOf(
  registry: Registry,
  key: ServiceKey,
  metadata: Metadata,
  page: PageRequest,
): Page<InstanceRecord> {
  const service = registry.services.get(key);
  if (service === undefined) throw unknownService(key);
  const all = service.records
    .values()
    .filter(({ instance }) =>
      [...metadata].every(([name, value]) => instance.metadata.get(name) === value),
    );
  return pageOf(all, ({ instance }) => instance.id, page);
}

export function unknownService(key: ServiceKey): MeshError {
  return new MeshError(
    "SERVICE_NOT_FOUND",
    `nobody ever registered for ${key}; \`weir services\` lists the services that exist`,
  );
}
