import { EndpointSet } from "../../src/core/discovery/endpoint-set.ts";
import type { EndpointsUpdate } from "../../src/core/discovery/update.ts";
import { type Digest, digestAdd, EMPTY_DIGEST } from "../../src/core/model/digest.ts";
import type {
  Endpoint,
  EndpointState,
  Removal,
  RemovalReason,
} from "../../src/core/model/endpoint.ts";
import { hash64 } from "../../src/core/model/hash.ts";
import { NO_LOCALITY, NO_METADATA } from "../../src/core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../src/core/model/names.ts";

/** Of the server that the updates come from. */
export const EPOCH = 7;

export interface Looks {
  readonly process?: string;
  readonly state?: EndpointState;
  readonly revision?: number;
  readonly port?: number;
  readonly weight?: number;
  /** When the process first registered anywhere. */
  readonly since?: number;
}

/** An endpoint with a hash of its content, as a server would send it. */
export function endpoint(id: string, looks: Looks = {}): Endpoint {
  const { process = `${id}-1`, state = "healthy", revision = 0, port = 80, weight = 100 } = looks;
  return {
    id: id as InstanceId,
    registrationId: process as RegistrationId,
    address: { kind: "ip", value: "10.0.0.1" },
    ports: [{ name: "http", port, protocol: "http1" }],
    weight,
    priority: 0,
    locality: NO_LOCALITY,
    state,
    metadata: NO_METADATA,
    hash: hash64([id, process, state, port, weight].join("|")),
    operatorRevision: revision,
    ...(looks.since !== undefined && { firstRegistered: looks.since }),
  };
}

export function removal(
  id: string,
  reason: RemovalReason = "deregistered",
  process = `${id}-1`,
): Removal {
  return { id: id as InstanceId, registrationId: process as RegistrationId, reason };
}

export function digestOf(endpoints: readonly Endpoint[]): Digest {
  return endpoints.reduce((digest, { hash }) => digestAdd(digest, hash), EMPTY_DIGEST);
}

export const BASE: EndpointsUpdate = {
  type: "endpoints",
  kind: "snapshot",
  namespace: "default",
  service: "orders",
  fromVersion: 0,
  version: 1,
  chunk: 0,
  isLastChunk: true,
  settled: true,
  exists: true,
  upserts: [],
  removals: [],
  digest: EMPTY_DIGEST,
};

export function snapshot(
  upserts: Endpoint[],
  more: Partial<EndpointsUpdate> = {},
): EndpointsUpdate {
  return { ...BASE, upserts, digest: digestOf(upserts), ...more };
}

export function delta(fromVersion: number, after: Endpoint[], more: Partial<EndpointsUpdate>) {
  const digest = digestOf(after);
  return {
    ...BASE,
    kind: "delta" as const,
    fromVersion,
    version: fromVersion + 1,
    digest,
    ...more,
  };
}

/** Who is routed to, with every state but healthy. */
export function ids(set: EndpointSet): string[] {
  return set
    .endpoints()
    .map(({ id, state }) => (state === "healthy" ? id : `${id}:${state}`))
    .sort();
}

export function setWith(...endpoints: Endpoint[]): EndpointSet {
  const set = new EndpointSet();
  set.apply(snapshot(endpoints), EPOCH);
  return set;
}

export const A = endpoint("a");
export const B = endpoint("b");
export const C = endpoint("c");
export const A_DRAINING = endpoint("a", { state: "draining", revision: 1 });
