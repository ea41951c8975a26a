import type { handleUnaryCall } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import { splitServiceKey } from "../../core/model/names.ts";
import { hlcWallMs } from "../../core/registry/hlc.ts";
import type { InstanceRecord, RegisteredService } from "../../core/registry/record.ts";
import type { LeaseResult as CoreLeaseResult } from "../../core/registry/registry.ts";
import {
  DrainOutcome,
  type InstanceView,
  LeaseResult,
  type RegistryServiceServer,
  type RenewResponse,
} from "../../gen/weir/v1/registry.ts";
import type { Service } from "../../gen/weir/v1/types.ts";
import type { Authorizer, Principal, Verb } from "../../ports/authorizer.ts";
import type { ReplicaAddress } from "../../ports/destination.ts";
import type { DrainResult, RegistryService } from "../../ports/registry-service.ts";
import { durationToMs, msToDuration } from "../wire/duration.ts";
import { endpointStateToWire } from "../wire/endpoint.ts";
import { defaultsToWire, instanceToWire } from "../wire/instance.ts";
import { pendingReasonToWire } from "../wire/pending-reason.ts";
import { encodeRegistered } from "../wire/registered-writer.ts";
import { attachHandler } from "./attach-handler.ts";
import { authorize } from "./authorize.ts";
import { unary } from "./handler.ts";
import { leaseKeyFromWire, limitBatch, pageFromWire, serviceNameFromWire } from "./lease-keys.ts";
import { registrationOf } from "./registration.ts";
import type { ReadRegistration } from "./registry-definition.ts";

/** A drain waits this long unless told otherwise; ten minutes are the longest patience a call may have. */
const DEFAULT_DRAIN_MS = 30_000;
const MAX_DRAIN_MS = 600_000;

/** As `registryDefinition` reads and writes: registrations arrive read, their answers leave as bytes. */
type RegistryHandlers = Pick<
  RegistryServiceServer,
  "renew" | "deregister" | "drain" | "undrain" | "listServices" | "listInstances"
> & {
  readonly register: handleUnaryCall<ReadRegistration, Buffer>;
  readonly attach: ReturnType<typeof attachHandler>;
};

/** `weir.v1.RegistryService` over the program's registry. @param peers the replicas that sessions are told of. */
export function registryHandlers(
  service: RegistryService,
  authorizer: Authorizer,
  peers: () => readonly ReplicaAddress[],
): RegistryHandlers {
  const allow = (principal: Principal, verb: Verb, namespace: string, name: string): void =>
    authorize(authorizer, principal, verb, namespace, name);
  return {
    register: unary((request: ReadRegistration, { principal }) => {
      try {
        const input = registrationOf(request, "");
        allow(principal, "register", input.instance.namespace, input.instance.service);
        return encodeRegistered(service.register(input));
      } catch (error) {
        service.refused(error);
        throw error;
      }
    }),
    renew: unary(({ leases }, { principal }) => {
      limitBatch(leases.length, "leases");
      const keys = leases.map((lease, i) => leaseKeyFromWire(lease, `leases[${i}]`));
      for (const { service: key } of keys) {
        const name = splitServiceKey(key);
        allow(principal, "register", name.namespace, name.service);
      }
      const results = service.renew(keys);
      return results instanceof Promise ? results.then(renewedToWire) : renewedToWire(results);
    }),
    deregister: unary(async ({ lease }, { principal }) => {
      const key = leaseKeyFromWire(lease, "lease");
      const name = splitServiceKey(key.service);
      allow(principal, "deregister", name.namespace, name.service);
      return { registrationId: await service.deregister(key) };
    }),
    drain: unary(async ({ lease, deadline }, { principal, signal }) => {
      const key = leaseKeyFromWire(lease, "lease");
      const name = splitServiceKey(key.service);
      allow(principal, "drain", name.namespace, name.service);
      const deadlineMs = durationToMs(deadline) ?? DEFAULT_DRAIN_MS;
      if (deadlineMs < 0 || deadlineMs > MAX_DRAIN_MS) {
        const description = `must be 0 s..${MAX_DRAIN_MS / 1_000} s`;
        throw new MeshError("INVALID_ARGUMENT", `deadline ${description}`, {
          violations: [{ field: "deadline", description }],
        });
      }
      return drainToWire(await service.drain(key, deadlineMs, signal));
    }),
    undrain: unary(async ({ lease }, { principal }) => {
      const key = leaseKeyFromWire(lease, "lease");
      const name = splitServiceKey(key.service);
      allow(principal, "drain", name.namespace, name.service);
      return { operatorRevision: BigInt(await service.undrain(key)) };
    }),
    attach: attachHandler(service, authorizer, peers),
    listServices: unary((request, { principal }) => {
      const { namespace } =
        request.namespace === "" ? request : serviceNameFromWire({ ...request, service: "any" });
      allow(principal, "list", namespace === "" ? "*" : namespace, "*");
      const page = service.listServices(namespace, pageFromWire(request));
      return { services: page.items.map(serviceToWire), nextPageToken: page.nextPageToken };
    }),
    listInstances: unary((request, { principal }) => {
      const name = serviceNameFromWire(request);
      allow(principal, "list", name.namespace, name.service);
      const page = service.listInstances(
        name.namespace,
        name.service,
        request.metadata,
        pageFromWire(request),
      );
      return {
        instances: page.items.map((record) => viewToWire(record, service.leaseRemainingMs(record))),
        nextPageToken: page.nextPageToken,
      };
    }),
  };
}

const LEASE_RESULT: Readonly<Record<CoreLeaseResult, LeaseResult>> = {
  renewed: LeaseResult.LEASE_RESULT_RENEWED,
  "not-found": LeaseResult.LEASE_RESULT_NOT_FOUND,
  superseded: LeaseResult.LEASE_RESULT_SUPERSEDED,
};

function renewedToWire(results: readonly CoreLeaseResult[]): RenewResponse {
  return { results: results.map((result) => LEASE_RESULT[result]) };
}

function drainToWire(result: DrainResult) {
  return {
    outcome:
      result.outcome === "safe"
        ? DrainOutcome.DRAIN_OUTCOME_SAFE
        : DrainOutcome.DRAIN_OUTCOME_DEADLINE,
    pending: result.pending.map(({ agentId, kind, detail }) => ({
      agentId,
      reason: pendingReasonToWire(kind),
      detail,
    })),
    waited: msToDuration(result.waitedMs),
    agentCount: result.agentCount,
  };
}

export function serviceToWire(service: RegisteredService): Service {
  let healthyCount = 0;
  for (const { endpoint } of service.records.values()) {
    if (endpoint.state === "healthy") healthyCount++;
  }
  return {
    namespace: service.namespace,
    name: service.name,
    defaults: service.defaults === undefined ? undefined : defaultsToWire(service.defaults),
    instanceCount: service.records.size,
    healthyCount,
    hasConflictingDefaults: service.hasConflictingDefaults,
  };
}

function viewToWire(record: InstanceRecord, leaseRemainingMs: number): InstanceView {
  return {
    instance: instanceToWire(record.instance),
    state: endpointStateToWire(record.endpoint.state),
    effectiveWeight: record.endpoint.weight,
    draining: record.isDraining,
    operatorRevision: BigInt(record.operatorRevision),
    leaseRemaining: msToDuration(leaseRemainingMs),
    sessionId: record.group.sessionId,
    registeredAt: new Date(hlcWallMs(record.firstRegisteredHlc)),
    serviceDefaults: record.defaults === undefined ? undefined : defaultsToWire(record.defaults),
  };
}
