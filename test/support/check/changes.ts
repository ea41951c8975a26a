import type {
  AgentPages,
  CheckFacts,
  NatsServerFacts,
  TargetFacts,
} from "../../../src/apps/cli/check/facts.ts";
import type { MeshErrorCode } from "../../../src/core/model/mesh-error.ts";
import type { PortAnswer } from "../../../src/ports/check-probe.ts";
import type { BusSummary, ClusterSummary, MemberSummary } from "../../../src/ports/cluster-api.ts";
import type { PolicyStoreState } from "../../../src/ports/policy-store.ts";
import type { ProcessState, StateDirectoryState } from "../../../src/ports/server-host.ts";
import { aBus, aCluster, aMember } from "./cluster.ts";
import {
  aCertificate,
  agentPages,
  aListing,
  aNatsServer,
  anAgent,
  aServerState,
  aService,
  policiesInNats,
} from "./facts.ts";

/** What a fault changes in the facts of a mesh that is well. */
export type Change = (well: CheckFacts) => CheckFacts;

export const target =
  (of: Partial<TargetFacts>): Change =>
  (well) => ({ ...well, target: { ...well.target, ...of } });

export const failed = (
  code: MeshErrorCode,
  kind: PortAnswer["kind"],
  of: Partial<TargetFacts> = {},
): Change => target({ failure: { code, message: "no" }, port: { kind, detail: "so" }, ...of });

export const certificate = (of: Parameters<typeof aCertificate>[0]): Change =>
  target({ certificate: aCertificate(of) });

export const server =
  (of: Parameters<typeof aServerState>[0]): Change =>
  (well) => ({ ...well, server: aServerState(of) });

export const directory = (of: Partial<StateDirectoryState>): Change =>
  server({
    stateDirectory: { path: "/state", freeBytes: 5e10, totalBytes: 1e11, problem: "", ...of },
  });

export const process = (of: Partial<ProcessState>): Change =>
  server({
    process: {
      eventLoopLagMs: 1,
      heapUsedBytes: 1e6,
      heapLimitBytes: 1e9,
      openFiles: 10,
      openFilesLimit: 65_536,
      ...of,
    },
  });

export const policies = (of: Partial<PolicyStoreState>): Change =>
  server({ policyStore: policiesInNats(of) });

export const natsServers =
  (of: Partial<NatsServerFacts>): Change =>
  (well) => ({ ...well, natsServers: [aNatsServer(of)] });

export const cluster =
  (of: Partial<ClusterSummary>): Change =>
  (well) => ({ ...well, cluster: aCluster(of) });

export const bus = (of: Partial<BusSummary>): Change => cluster({ bus: aBus(of) });

/** Of the other one of two replicas. */
export const member = (of: Partial<MemberSummary>): Change =>
  cluster({ members: [...aCluster().members.slice(0, 1), aMember(of)] });

export const agents =
  (...list: readonly Parameters<typeof anAgent>[0][]): Change =>
  (well) => ({ ...well, agents: list.map((of) => anAgent(of)) });

export const services =
  (...list: NonNullable<CheckFacts["services"]>): Change =>
  (well) => ({ ...well, services: list });

export const orders = (...list: readonly Parameters<typeof aListing>[0][]): Change =>
  services(aService(list.map((of) => aListing(of))));

export const agent =
  (of: Partial<AgentPages>): Change =>
  (well) => ({
    ...well,
    agent: well.agent && { ...well.agent, pages: agentPages(of) },
  });

export const localInstance = (status: string, health: string): Change =>
  agent({ instances: [{ key: "default/orders/a", status, health, detail: "why so" }] });

/** A record of facts, and the finding that it must give. */
export interface Fault {
  readonly id: string;
  readonly change: Change;
  readonly says: RegExp;
  readonly mends: RegExp;
  readonly severity?: string;
}
