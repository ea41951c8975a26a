import { type ServiceKey, serviceKey } from "../model/names.ts";
import type { InstanceRecord, RegisteredService } from "./record.ts";
import { ServiceEntry } from "./service-entry.ts";

/** So long "nobody is there" is told apart from "nobody ever was". */
const EMPTY_SERVICE_TTL_MS = 3_600_000;

/** The services that anybody registered, by key, and by namespace and name where a key would have to be made. */
export class ServiceDirectory {
  readonly byKey = new Map<ServiceKey, RegisteredService>();
  readonly #byName = new Map<string, Map<string, RegisteredService>>();

  find(namespace: string, name: string): RegisteredService | undefined {
    return this.#byName.get(namespace)?.get(name);
  }

  add(key: ServiceKey, namespace: string, name: string): RegisteredService {
    const service = new ServiceEntry<InstanceRecord>(key, namespace, name);
    this.byKey.set(key, service);
    const siblings = this.#byName.get(namespace);
    if (siblings === undefined) this.#byName.set(namespace, new Map([[name, service]]));
    else siblings.set(name, service);
    return service;
  }

  findOrAdd(namespace: string, name: string): RegisteredService {
    return this.find(namespace, name) ?? this.add(serviceKey(namespace, name), namespace, name);
  }

  forgetOld(nowMs: number): void {
    for (const service of this.byKey.values()) {
      const isOld = service.emptySinceMs > 0 && nowMs - service.emptySinceMs > EMPTY_SERVICE_TTL_MS;
      if (isOld && service.records.size === 0) this.#forget(service);
    }
  }

  #forget({ key, namespace, name }: RegisteredService): void {
    this.byKey.delete(key);
    const siblings = this.#byName.get(namespace);
    siblings?.delete(name);
    if (siblings?.size === 0) this.#byName.delete(namespace);
  }
}
