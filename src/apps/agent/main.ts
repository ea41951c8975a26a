import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { newFastRandom } from "../../core/model/fast-random.ts";
import { hostPartOfId } from "../../core/model/names.ts";
import { proberByKind } from "../../data-plane/prober-by-kind.ts";
import { controlPlaneAccess } from "../../io/control-plane-access.ts";
import { lastKnownGoodIn } from "../../io/file/last-known-good.ts";
import { grpcAttachSource } from "../../io/grpc/attach-client.ts";
import { grpcProber } from "../../io/grpc/grpc-prober.ts";
import { grpcWatchSource } from "../../io/grpc/watch-client.ts";
import { systemNameResolver } from "../../io/host-lookup.ts";
import { startAdmin } from "../../io/http/admin-listener.ts";
import { ProxyListener } from "../../io/http/proxy-listener.ts";
import { UpstreamPools } from "../../io/http/upstream-pools.ts";
import { type OpenListenerSecurity, openListenerSecurity } from "../../io/listener-security.ts";
import { pinoLog } from "../../io/pino-log.ts";
import { httpProber } from "../../io/probe/http-prober.ts";
import { tcpProber } from "../../io/probe/tcp-prober.ts";
import { systemClock } from "../../io/system-clock.ts";
import type { AdminRoutes } from "../../ports/admin-http.ts";
import type { Log } from "../../ports/log.ts";
import type { AgentConfig } from "./config.ts";
import { assembleAgent } from "./start.ts";

/** Requests that take longer are cut when the agent stops: what supervisors give a process is 30 s. */
const STOP_GRACE_MS = 20_000;

/** Without a successor on the port, clients that keep idle connections are told at once. */
const IDLE_GRACE_MS = 1_000;

export interface RunningAgent {
  /** `host:port` as bound. */
  readonly listenAddress: string;
  readonly adminAddress: string;
  /** Whether its ports speak TLS. */
  readonly isTls: boolean;
  /** Whether it takes requests, and if not, why. */
  readiness(): { readonly isReady: boolean; readonly text: string };
  /** Reads certificates and tokens again. @throws MeshError when they cannot be used; the last good ones stay. */
  reload(): void;
  /** Deregisters the local instances, answers what is in flight, saves what is known. */
  stop(): Promise<void>;
}

/** Runs an agent until it is stopped. @throws MeshError when it cannot listen or use its state directory. */
export async function runAgent(
  config: AgentConfig,
  softwareVersion = "unknown",
): Promise<RunningAgent> {
  const log = pinoLog(process.env["WEIR_LOG_LEVEL"] ?? "info", "weir-agent");
  const security = openListenerSecurity(config, systemClock, log);
  try {
    return await startAgent(config, softwareVersion, log, security);
  } catch (error) {
    security.stop();
    throw error;
  }
}

async function startAgent(
  config: AgentConfig,
  softwareVersion: string,
  log: Log,
  security: OpenListenerSecurity,
): Promise<RunningAgent> {
  const access = accessOf(config, log);
  const pools = new UpstreamPools();
  const random = newFastRandom(Math.floor(Math.random() * 2 ** 32));
  const agent = assembleAgent(config, {
    softwareVersion,
    clock: systemClock,
    random,
    log,
    newId: randomUUID,
    watchSource: grpcWatchSource(access),
    attachSource: grpcAttachSource(access),
    nameResolver: systemNameResolver,
    prober: proberByKind({ http: httpProber, tcp: tcpProber, grpc: grpcProber }),
    lastKnownGood: lastKnownGoodIn(config.stateDir, "--state-dir", systemClock, log),
    processFigures,
    retirePool: (key) => pools.retire(key),
  });
  const { takeOver } = config;
  const listener = new ProxyListener({ handler: agent.handler, pools, random, security });
  const admin = await startAdmin(config.admin, agent.pages, { takeOver, security });
  const listenAddress = await listener
    .listen(config.listen, { takeOver })
    .catch(async (error: unknown) => {
      await admin.stop();
      await pools.destroy();
      throw error;
    });
  const id = config.id === "" ? defaultId(listenAddress) : config.id;
  agent.start(id);
  log.info({ id, listen: listenAddress, admin: admin.address }, "the agent is up");
  return {
    listenAddress,
    adminAddress: admin.address,
    isTls: security.certificates !== undefined,
    readiness: () => readinessOf(agent.pages),
    reload: () => security.reload(),
    async stop() {
      await agent.deregister();
      await listener.stop(STOP_GRACE_MS, IDLE_GRACE_MS);
      await agent.stop();
      await pools.destroy();
      await admin.stop();
      security.stop();
    },
  };
}

function accessOf({ controlPlaneTls, controlPlaneTokenFile, insecure }: AgentConfig, log: Log) {
  const tokenFile = controlPlaneTokenFile;
  const token = process.env["WEIR_TOKEN"] || undefined;
  const settings = { ...controlPlaneTls, tokenFile, token, insecure, program: "agent" } as const;
  return controlPlaneAccess(settings, systemClock, log);
}

/** As its admin port tells everybody else. */
function readinessOf(pages: AdminRoutes): { isReady: boolean; text: string } {
  const answer = pages["/ready"]?.({ path: "/ready", query: new Map() });
  return { isReady: answer?.status === 200, text: String(answer?.body ?? "") };
}

/** The same after a restart, and another one for each agent of a host. */
function defaultId(listenAddress: string): string {
  const port = listenAddress.slice(listenAddress.lastIndexOf(":") + 1);
  return `${hostPartOfId(hostname(), "agent")}:${port}`;
}

function processFigures() {
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    uptimeSeconds: process.uptime(),
  };
}
