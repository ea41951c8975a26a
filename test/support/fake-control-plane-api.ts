import type { MeshError } from "../../src/core/model/mesh-error.ts";
import type { ClusterSummary } from "../../src/ports/cluster-api.ts";
import type {
  AgentSummary,
  ControlPlaneApi,
  DrainReport,
  InstanceListing,
  LeaseGrant,
  LeaseName,
  Observation,
  ObserveRequest,
  Observer,
  Registration,
  RenewOutcome,
  ServerState,
  ServiceSummary,
} from "../../src/ports/control-plane-api.ts";
import { FakePolicyApi } from "./fake-policy-api.ts";

/** What a server says that runs without a cluster. */
export const ALONE: ClusterSummary = {
  name: "",
  members: [],
  bus: undefined,
  isSynced: true,
  garbageCount: 0,
  identity: "sole",
  orphanCount: 0,
  unownedCount: 0,
  leader: "",
};

/** Answers what a test sets, and notes what it was asked. */
export class FakeControlPlaneApi implements ControlPlaneApi {
  readonly calls: string[] = [];
  readonly policies = new FakePolicyApi();
  readonly registrations: Registration[] = [];
  /** The next calls fail with it, until it is taken away. */
  failure: MeshError | undefined;
  renewal: RenewOutcome = "renewed";
  services: ServiceSummary[] = [];
  instances: InstanceListing[] = [];
  agents: AgentSummary[] = [];
  cluster: ClusterSummary = ALONE;
  report: DrainReport = { outcome: "safe", pending: [], waitedMs: 12, agentCount: 2 };
  state: ServerState = {
    replicaId: "one",
    softwareVersion: "1.0.0",
    epoch: 1,
    version: 2,
    isSettled: true,
    uptimeMs: 5_000,
    frozen: [],
    serviceCount: 1,
    instanceCount: 2,
    watchCount: 3,
    sessionCount: 4,
    degraded: [],
    isDraining: false,
    wallMs: 1_700_000_000_000,
    usage: [{ name: "instances", used: 2, limit: 250_000 }],
    listeners: [
      { name: "grpc", address: "127.0.0.1:7400", isTls: false },
      { name: "admin", address: "127.0.0.1:7401", isTls: false },
    ],
    stateDirectory: { path: "/var/lib/weir", freeBytes: 5e10, totalBytes: 1e11, problem: "" },
    process: {
      eventLoopLagMs: 2,
      heapUsedBytes: 5e7,
      heapLimitBytes: 4e9,
      openFiles: 30,
      openFilesLimit: 1_048_576,
    },
    policyStore: { kind: "file", where: "/p", isWritable: true, problem: "", note: "" },
  };
  observer: Observer | undefined;
  isClosed = false;

  async listServices(namespace: string): Promise<ServiceSummary[]> {
    return this.#answer(`listServices ${namespace}`, this.services);
  }
  async listInstances(
    namespace: string,
    service: string,
    metadata: ReadonlyMap<string, string>,
  ): Promise<InstanceListing[]> {
    const filter = JSON.stringify(Object.fromEntries(metadata));
    return this.#answer(`listInstances ${namespace}/${service} ${filter}`, this.instances);
  }
  async register(registration: Registration): Promise<LeaseGrant> {
    const { id, registrationId, generation } = registration.instance;
    this.#answer(`register ${id} ${generation}`, undefined);
    this.registrations.push(registration);
    return {
      registrationId: registrationId || "derived",
      generation: generation || 1,
      leaseToken: new Uint8Array([7]),
      leaseMs: 15_000,
      renewIntervalMs: 5_000,
    };
  }
  async renew(lease: LeaseName): Promise<RenewOutcome> {
    return this.#answer(`renew ${lease.instanceId}`, this.renewal);
  }
  async deregister(lease: LeaseName): Promise<string> {
    return this.#answer(`deregister ${lease.instanceId} ${lease.registrationId}`, "r1");
  }
  async drain(lease: LeaseName, deadlineMs: number): Promise<DrainReport> {
    const { namespace, service, instanceId } = lease;
    return this.#answer(`drain ${namespace}/${service} ${instanceId} ${deadlineMs}`, this.report);
  }
  async undrain(lease: LeaseName): Promise<number> {
    return this.#answer(`undrain ${lease.instanceId}`, 3);
  }
  async evict(lease: LeaseName): Promise<string> {
    return this.#answer(`evict ${lease.instanceId}`, "r1");
  }
  async listAgents(): Promise<AgentSummary[]> {
    return this.#answer("listAgents", this.agents);
  }
  async listMembers(): Promise<ClusterSummary> {
    return this.#answer("listMembers", this.cluster);
  }
  async status(): Promise<ServerState> {
    return this.#answer("status", this.state);
  }
  observe(request: ObserveRequest, observer: Observer): Observation {
    this.calls.push(`observe ${request.namespace}/${request.service}`);
    if (this.failure === undefined) this.observer = observer;
    else observer.ended(this.failure);
    return { stop: () => observer.ended(undefined) };
  }
  close(): void {
    this.isClosed = true;
  }

  #answer<T>(call: string, answer: T): T {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
    return answer;
  }
}
