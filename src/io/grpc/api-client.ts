import type {
  ClientOptions,
  ClientUnaryCall,
  Metadata as GrpcMetadata,
  ServiceError,
} from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import { AdminServiceClient } from "../../gen/weir/v1/admin.ts";
import { DiscoveryServiceClient } from "../../gen/weir/v1/discovery.ts";
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
import { apiError } from "./api-error.ts";
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

/** A person waits at the terminal; a healthy control plane answers in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;

/** On top of a drain's own deadline, so that its answer DEADLINE arrives. */
const DRAIN_GRACE_MS = 5_000;

/** The largest page that the API gives: fewest round trips. */
const PAGE_SIZE = 1_000;

const CHANNEL: ClientOptions = {
  // One command, one try: a person repeats it, and must hear at once why it failed.
  "grpc.enable_retries": 0,
  // A page of 1,000 instances with 4 KiB of metadata each is larger than grpc-js's 4 MiB.
  "grpc.max_receive_message_length": 16 * 1024 * 1024,
};

type Callback<Response> = (error: ServiceError | null, response: Response) => void;
type Unary<Request, Response> = (
  request: Request,
  metadata: GrpcMetadata,
  options: { deadline: number },
  callback: Callback<Response>,
) => ClientUnaryCall;

/** The control plane's API over gRPC. Connects with the first call. @param address `host:port`. */
export function connectApi(address: string, access: ChannelAccess = PLAIN_ACCESS): ControlPlaneApi {
  const credentials = access.credentials();
  const registry = new RegistryServiceClient(address, credentials, CHANNEL);
  const sharing = { ...CHANNEL, channelOverride: registry.getChannel() };
  const admin = new AdminServiceClient(address, credentials, sharing);
  const discovery = new DiscoveryServiceClient(address, credentials, sharing);

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
      const agents = await allPages(async (pageToken) => {
        const request = { pageSize: PAGE_SIZE, pageToken };
        const page = await call(admin.listAgents.bind(admin), request);
        return { items: page.agents, next: page.nextPageToken };
      });
      return agents.map(agentSummary);
    },
    async status() {
      return serverState(await call(admin.getStatus.bind(admin), {}));
    },
    observe: (request: ObserveRequest, observer: Observer) =>
      observe(discovery, address, request, observer, access),
    close: () => registry.close(),
  };
}

type Call = <Request, Response>(
  method: Unary<Request, Response>,
  request: Request,
  timeoutMs?: number,
) => Promise<Response>;

/** Unary calls as promises: with a deadline, and failures in a person's words. */
function caller(address: string, access: ChannelAccess): Call {
  return (method, request, timeoutMs = CALL_TIMEOUT_MS) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      method(request, access.metadata(address), { deadline }, (error, response) => {
        if (error === null) resolve(response);
        else void apiError(error, address, access).then(reject);
      });
    });
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

/** Follows page tokens to the end. */
async function allPages<T>(
  page: (token: string) => Promise<{ items: readonly T[]; next: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = "";
  do {
    const { items, next } = await page(token);
    all.push(...items);
    token = next;
  } while (token !== "");
  return all;
}
