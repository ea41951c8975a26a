import type { ClientOptions } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import { AdminServiceClient } from "../../gen/weir/v1/admin.ts";
import { DiscoveryServiceClient } from "../../gen/weir/v1/discovery.ts";
import { PolicyServiceClient } from "../../gen/weir/v1/policy.ts";
import { LeaseResult, RegistryServiceClient } from "../../gen/weir/v1/registry.ts";
import type {
  ControlPlaneApi,
  LeaseName,
  ObserveRequest,
  Observer,
  RenewOutcome,
} from "../../ports/control-plane-api.ts";
import { msToDuration } from "../wire/duration.ts";
import { defaultsToWire, instanceToWire } from "../wire/instance.ts";
import { metadataToWire } from "../wire/parts.ts";
import { allPages, caller, PAGE_SIZE } from "./api-call.ts";
import { clusterSummary } from "./api-cluster.ts";
import {
  agentSummary,
  drainReport,
  instanceListing,
  leaseGrant,
  serverState,
  serviceSummary,
} from "./api-listings.ts";
import { type ChannelAccess, PLAIN_ACCESS } from "./channel-access.ts";
import { observe } from "./observe.ts";
import { policyApi } from "./policy-client.ts";

/** On top of a drain's own deadline, so that its answer DEADLINE arrives. */
const DRAIN_GRACE_MS = 5_000;

const CHANNEL: ClientOptions = {
  // One command, one try: a person repeats it, and must hear at once why it failed.
  "grpc.enable_retries": 0,
  // A page of 1,000 instances with 4 KiB of metadata each is larger than grpc-js's 4 MiB.
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
};

/** The control plane's API over gRPC. Connects with the first call. @param address `host:port`. */
export function connectApi(address: string, access: ChannelAccess = PLAIN_ACCESS): ControlPlaneApi {
  const credentials = access.credentials();
  const registry = new RegistryServiceClient(address, credentials, CHANNEL);
  const sharing = { ...CHANNEL, channelOverride: registry.getChannel() };
  const admin = new AdminServiceClient(address, credentials, sharing);
  const discovery = new DiscoveryServiceClient(address, credentials, sharing);
  const policies = new PolicyServiceClient(address, credentials, sharing);
  const call = caller(address, access);

  return {
    async listServices(namespace) {
      const services = await allPages(async (pageToken) => {
        const request = { namespace, pageSize: PAGE_SIZE, pageToken };
        const page = await call(registry.listServices.bind(registry), request);
        return { items: page.services, next: page.nextPageToken };
      });
      return services.map(serviceSummary);
    },
    async listInstances(namespace, service, filter) {
      const metadata = metadataToWire(filter);
      const views = await allPages(async (pageToken) => {
        const request = { namespace, service, metadata, pageSize: PAGE_SIZE, pageToken };
        const page = await call(registry.listInstances.bind(registry), request);
        return { items: page.instances, next: page.nextPageToken };
      });
      return views.map(instanceListing);
    },
    async register({ instance, defaults, leaseToken }) {
      const request = {
        instance: instanceToWire(instance),
        serviceDefaults: defaults && defaultsToWire(defaults),
        leaseToken: Buffer.from(leaseToken),
      };
      return leaseGrant(await call(registry.register.bind(registry), request));
    },
    async renew(lease) {
      const { results } = await call(registry.renew.bind(registry), { leases: [{ ...lease }] });
      return renewOutcome(results[0]);
    },
    async deregister(lease) {
      const request = withLease(lease);
      return (await call(registry.deregister.bind(registry), request)).registrationId;
    },
    async drain(lease, deadlineMs) {
      const request = { ...withLease(lease), deadline: msToDuration(deadlineMs) };
      const timeoutMs = deadlineMs + DRAIN_GRACE_MS;
      return drainReport(await call(registry.drain.bind(registry), request, timeoutMs));
    },
    async undrain(lease) {
      const { operatorRevision } = await call(registry.undrain.bind(registry), withLease(lease));
      return Number(operatorRevision);
    },
    async evict(lease) {
      return (await call(admin.evict.bind(admin), withLease(lease))).registrationId;
    },
    async listAgents() {
      return await allPages(async (pageToken) => {
        const request = { pageSize: PAGE_SIZE, pageToken };
        const page = await call(admin.listAgents.bind(admin), request);
        const items = page.agents.map((agent) => agentSummary(agent, page.replicaId));
        return { items, next: page.nextPageToken };
      });
    },
    async status() {
      return serverState(await call(admin.getStatus.bind(admin), {}));
    },
    async listMembers() {
      return clusterSummary(await call(admin.listMembers.bind(admin), {}));
    },
    policies: policyApi(policies, call),
    observe: (request: ObserveRequest, observer: Observer) =>
      observe(discovery, address, request, observer, access),
    close: () => registry.close(),
  };
}

function withLease(lease: LeaseName): { lease: LeaseName } {
  return { lease: { ...lease } };
}

function renewOutcome(result: LeaseResult | undefined): RenewOutcome {
  switch (result) {
    case LeaseResult.LEASE_RESULT_RENEWED:
      return "renewed";
    case LeaseResult.LEASE_RESULT_NOT_FOUND:
      return "not-found";
    case LeaseResult.LEASE_RESULT_SUPERSEDED:
      return "superseded";
    default:
      throw new MeshError("PROTOCOL_VIOLATION", `renewal result ${result} is not known here`);
  }
}
