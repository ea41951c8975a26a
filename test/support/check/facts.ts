import type {
  AgentPages,
  CheckFacts,
  NatsServerFacts,
  ServiceFacts,
} from "../../../src/apps/cli/check/facts.ts";
import { NO_LOCALITY } from "../../../src/core/model/instance.ts";
import type { CertificateFacts } from "../../../src/ports/check-probe.ts";
import type {
  AgentSummary,
  InstanceListing,
  ServerState,
} from "../../../src/ports/control-plane-api.ts";
import type { PolicyStoreState } from "../../../src/ports/policy-store.ts";
import { anInstance } from "../builders.ts";
import { FakeControlPlaneApi } from "../fake-control-plane-api.ts";
import { aCluster } from "./cluster.ts";

/** When the checks of tests run, milliseconds since 1970. */
export const WALL_MS = 1_700_000_000_000;
const DAY_MS = 86_400_000;

/** A mesh of which everything is known and nothing is wrong. */
export function wellFacts(): CheckFacts {
  return {
    cliVersion: "1.0.0",
    wallMs: WALL_MS,
    target: {
      address: "127.0.0.1:7400",
      flags: "",
      usesTls: true,
      hasToken: true,
      failure: undefined,
      port: undefined,
      httpVersionPage: "",
      certificate: aCertificate(),
    },
    clock: { offsetMs: 20, uncertaintyMs: 5 },
    server: aServerState(),
    cluster: aCluster(),
    natsServers: [aNatsServer()],
    adminPort: {
      address: "127.0.0.1:7401",
      port: { kind: "http1", detail: "it speaks HTTP/1.1" },
      isWeir: true,
    },
    agents: [anAgent()],
    services: [aService([aListing({ id: "a" }), aListing({ id: "b" })])],
    agent: {
      address: "127.0.0.1:15000",
      isAsked: false,
      port: { kind: "http1", detail: "it speaks HTTP/1.1" },
      pages: agentPages(),
      asksForToken: false,
    },
    takenPorts: [],
  };
}

export function aCertificate(of: Partial<CertificateFacts> = {}): CertificateFacts {
  return {
    subject: "weir",
    issuer: "our CA",
    names: "IP Address:127.0.0.1",
    validFromMs: WALL_MS - DAY_MS,
    validUntilMs: WALL_MS + 90 * DAY_MS,
    hostProblem: "",
    trustProblem: "",
    ...of,
  };
}

export function aServerState(of: Partial<ServerState> = {}): ServerState {
  return { ...new FakeControlPlaneApi().state, policyStore: policiesInNats(), ...of };
}

export function policiesInNats(of: Partial<PolicyStoreState> = {}): PolicyStoreState {
  return {
    kind: "nats",
    where: "weir-policies",
    isWritable: true,
    problem: "",
    note: "",
    copies: { wanted: 3, current: 3, serverCount: 3 },
    ...of,
  };
}

export function aNatsServer(of: Partial<NatsServerFacts> = {}): NatsServerFacts {
  return {
    address: "10.0.0.9:8222",
    version: "2.10.7",
    hasJetStream: true,
    syncsAlways: true,
    syncIntervalMs: 120_000,
    ...of,
  };
}

export function anAgent(of: Partial<AgentSummary> = {}): AgentSummary {
  return {
    replicaId: "one",
    id: "web-1",
    peer: "127.0.0.1:40000",
    role: "data-plane",
    state: "synced",
    subscriptionCount: 1,
    version: 3,
    lagMs: 0,
    softwareVersion: "1.0.0",
    locality: NO_LOCALITY,
    lastRejection: "",
    connectedMs: 1_000,
    versionsBehind: 0,
    ...of,
  };
}

/** An instance of `default/orders` as the control plane lists it. */
export function aListing(
  of: Parameters<typeof anInstance>[0] & Partial<Omit<InstanceListing, "instance">> = {},
): InstanceListing {
  const { state, effectiveWeight, isDraining, leaseRemainingMs, defaults, ...rest } = of;
  const instance = anInstance(rest);
  return {
    instance,
    state: state ?? "healthy",
    effectiveWeight: effectiveWeight ?? instance.weight,
    isDraining: isDraining ?? false,
    leaseRemainingMs: leaseRemainingMs ?? 12_000,
    sessionId: "s",
    registeredAtMs: WALL_MS,
    defaults,
  };
}

export function aService(
  instances: readonly InstanceListing[] | undefined,
  of: Partial<ServiceFacts> = {},
): ServiceFacts {
  return {
    namespace: "default",
    name: "orders",
    protocol: "http1",
    policy: "least_request",
    instanceCount: instances?.length ?? 2,
    healthyCount: instances?.filter(({ state }) => state === "healthy").length ?? 2,
    hasConflictingDefaults: false,
    instances,
    ...of,
  };
}

export function agentPages(of: Partial<AgentPages> = {}): AgentPages {
  return {
    id: "web-1",
    version: "1.0.0",
    isReady: true,
    whyNotReady: "",
    controlPlane: { isConnected: true, address: "127.0.0.1:7400", problem: "" },
    services: [
      { service: "default/orders", origin: "live", ageMs: 10, unknownPolicy: "", problem: "" },
    ],
    instances: [{ key: "default/orders/a", status: "registered", health: "healthy", detail: "" }],
    listener: { address: "127.0.0.1:15001", port: { kind: "http1", detail: "it speaks HTTP/1.1" } },
    retries: [{ service: "default/orders", made: 100, refused: 1 }],
    ...of,
  };
}
