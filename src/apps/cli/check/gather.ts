import { NO_METADATA } from "../../../core/model/instance.ts";
import { MeshError } from "../../../core/model/mesh-error.ts";
import type { CheckProbe, ProbeTrust } from "../../../ports/check-probe.ts";
import type {
  ControlPlaneApi,
  ServerState,
  ServiceSummary,
} from "../../../ports/control-plane-api.ts";
import { clusterOf } from "../cluster-of.ts";
import type { CliContext } from "../context.ts";
import { hostOf, portOf } from "./connection-rules.ts";
import type {
  AdminPortFacts,
  CheckFacts,
  ClockFacts,
  LocalAgentFacts,
  ServiceFacts,
  TakenPort,
  TargetFacts,
} from "./facts.ts";
import { gatherAgent } from "./gather-agent.ts";
import { gatherNats } from "./gather-nats.ts";
import { isThisMachine } from "./this-machine.ts";

/** Services whose instances are listed one by one, those that look worst first: a second's work. */
const MAX_LISTED_SERVICES = 200;

/** Calls at a time, so that a check is no load. */
const LISTS_AT_ONCE = 8;

/** Where the programs listen unless told otherwise, beside the control plane's API. */
const DEFAULT_PORTS = {
  admin: { port: 7401, use: "the control plane's admin port", flag: "weir server --admin" },
  agentAdmin: { port: 15_000, use: "the agent's admin port", flag: "weir agent --admin" },
  agentListen: { port: 15_001, use: "the agent's port for requests", flag: "weir agent --listen" },
} as const;

/** Whom to ask, and how. */
export interface CheckQuestion {
  readonly target: Pick<TargetFacts, "address" | "flags" | "usesTls" | "hasToken"> & {
    readonly trust: ProbeTrust;
  };
  /** Connects with the credentials of the command. */
  readonly connect: () => Promise<ControlPlaneApi>;
  /** Of one namespace only, or of all when empty. */
  readonly namespace: string;
  /** An admin port that somebody named; else the one that the server names. */
  readonly adminAddress: string | undefined;
  readonly agent: { readonly address: string; readonly isAsked: boolean };
  /** Monitoring pages of NATS servers that somebody named. */
  readonly natsMonitors: readonly string[];
}

type Context = Pick<CliContext, "clock" | "version">;

/** Asks everybody who can be asked. Rejects for nothing that could be a finding. */
export async function gather(
  context: Context,
  probe: CheckProbe,
  question: CheckQuestion,
): Promise<CheckFacts> {
  const [plane, agent] = await Promise.all([
    gatherControlPlane(context, question),
    gatherAgent(probe, question.agent.address, question.agent.isAsked),
  ]);
  const { server, failure } = plane;
  const [target, adminPort, takenPorts, natsServers] = await Promise.all([
    gatherTarget(probe, question, failure),
    gatherAdminPort(probe, question, server),
    gatherTakenPorts(probe, question, server !== undefined, agent),
    gatherNats(probe, question.natsMonitors, plane.cluster, question.target.address),
  ]);
  return {
    cliVersion: context.version,
    wallMs: context.clock.wallMs(),
    target,
    clock: plane.clock,
    server,
    cluster: plane.cluster,
    natsServers,
    adminPort,
    agents: plane.agents,
    services: plane.services,
    agent,
    takenPorts,
  };
}

interface PlaneFacts
  extends Pick<CheckFacts, "clock" | "server" | "cluster" | "agents" | "services"> {
  readonly failure: MeshError | undefined;
}

async function gatherControlPlane(context: Context, question: CheckQuestion): Promise<PlaneFacts> {
  const facts: { -readonly [Key in keyof PlaneFacts]: PlaneFacts[Key] } = {
    failure: undefined,
    clock: undefined,
    server: undefined,
    cluster: undefined,
    agents: undefined,
    services: undefined,
  };
  let api: ControlPlaneApi | undefined;
  try {
    api = await question.connect();
    // The first call opens the connection; only the second one says how long a call takes.
    facts.server = await api.status();
    facts.clock = await gatherClock(context, api);
    facts.cluster = await clusterOf(api);
    facts.agents = await api.listAgents();
    facts.services = await gatherServices(api, question.namespace);
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    facts.failure = error;
  } finally {
    api?.close();
  }
  return facts;
}

async function gatherClock(
  { clock }: Context,
  api: ControlPlaneApi,
): Promise<ClockFacts | undefined> {
  const startMs = clock.nowMs();
  const wallMs = clock.wallMs();
  const state = await api.status();
  const tripMs = clock.nowMs() - startMs;
  if (state.wallMs === 0) return undefined;
  return { offsetMs: state.wallMs - (wallMs + tripMs / 2), uncertaintyMs: tripMs / 2 };
}

async function gatherServices(api: ControlPlaneApi, namespace: string): Promise<ServiceFacts[]> {
  const summaries = await api.listServices(namespace);
  const worst = [...summaries].sort((a, b) => suspicion(b) - suspicion(a));
  const listed = new Map<ServiceSummary, ServiceFacts["instances"]>();
  const waiting = worst.slice(0, MAX_LISTED_SERVICES);
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      listed.set(next, await instancesOf(api, next));
    }
  };
  await Promise.all(Array.from({ length: LISTS_AT_ONCE }, worker));
  return summaries.map((summary) => ({ ...summary, instances: listed.get(summary) }));
}

/** A service that went between two calls has no instances. */
async function instancesOf(
  api: ControlPlaneApi,
  { namespace, name }: ServiceSummary,
): Promise<ServiceFacts["instances"]> {
  try {
    return await api.listInstances(namespace, name, NO_METADATA);
  } catch (error) {
    if (error instanceof MeshError && error.code === "SERVICE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** How much there is to look at. */
function suspicion({
  instanceCount,
  healthyCount,
  hasConflictingDefaults,
}: ServiceSummary): number {
  if (instanceCount === 0) return 0;
  return (1 - healthyCount / instanceCount) * 2 + (hasConflictingDefaults ? 1 : 0);
}

async function gatherTarget(
  probe: CheckProbe,
  { target }: CheckQuestion,
  failure: MeshError | undefined,
): Promise<TargetFacts> {
  const { trust, ...known } = target;
  const { address, usesTls } = known;
  const port = failure === undefined ? undefined : await probe.port(address);
  const page = port?.kind === "http1" ? await probe.page(address, "/version") : undefined;
  const isTls = usesTls ? port === undefined || port.kind === "tls" : port?.kind === "tls";
  const shown = isTls ? await probe.certificate(address, trust) : undefined;
  return {
    ...known,
    failure: failure && { code: failure.code, message: failure.message },
    port,
    httpVersionPage: page?.status === 200 ? page.body : "",
    // Who did not ask for TLS named no CA: that one is unknown says nothing yet.
    certificate: shown && (usesTls ? shown : { ...shown, trustProblem: "" }),
  };
}

async function gatherAdminPort(
  probe: CheckProbe,
  { adminAddress, target }: CheckQuestion,
  server: ServerState | undefined,
): Promise<AdminPortFacts | undefined> {
  const address = adminAddress ?? reachableAdmin(target.address, server);
  if (address === undefined) return undefined;
  const port = await probe.port(address);
  const isWeir =
    port.kind === "tls" ||
    (port.kind === "http1" && (await probe.page(address, "/version")) !== undefined);
  return { address, port, isWeir };
}

/** A loopback address of another machine is none of ours. */
function reachableAdmin(target: string, server: ServerState | undefined): string | undefined {
  const listener = server?.listeners.find(({ name }) => name === "admin");
  if (listener === undefined) return undefined;
  const host = hostOf(listener.address);
  if (isThisMachine(host)) return isThisMachine(hostOf(target)) ? listener.address : undefined;
  const isEverywhere = host === "0.0.0.0" || host === "[::]";
  return isEverywhere ? `${hostOf(target)}:${portOf(listener.address)}` : listener.address;
}

/** Only where no Weir answers: whoever sits there is in its way. */
async function gatherTakenPorts(
  probe: CheckProbe,
  { target }: CheckQuestion,
  hasServer: boolean,
  agent: LocalAgentFacts,
): Promise<readonly TakenPort[] | undefined> {
  if (!isThisMachine(hostOf(target.address))) return undefined;
  const { admin, agentAdmin, agentListen } = DEFAULT_PORTS;
  const wanted = [
    ...(hasServer ? [] : [admin]),
    ...(agent.pages === undefined ? [agentAdmin, agentListen] : []),
  ].filter(({ port }) => String(port) !== portOf(target.address));
  const found = await Promise.all(
    wanted.map(async (which): Promise<TakenPort[]> => {
      const address = `127.0.0.1:${which.port}`;
      const { kind, detail } = await probe.port(address);
      if (["closed", "timeout", "unroutable", "no-host"].includes(kind)) return [];
      const isWeir = kind === "http1" && (await isOfWeir(probe, address));
      return isWeir ? [] : [{ ...which, detail }];
    }),
  );
  return found.flat();
}

/** Admin pages name a version; the agent's proxy explains itself in its refusals. */
async function isOfWeir(probe: CheckProbe, address: string): Promise<boolean> {
  const page = await probe.page(address, "/version");
  return page !== undefined && /"version":|\bweir\b|--token-file/i.test(page.body);
}
