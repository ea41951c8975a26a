import { z } from "zod";
import type { CheckProbe } from "../../../ports/check-probe.ts";
import type { AgentPages, LocalAgentFacts } from "./facts.ts";

/** Pages of an agent of any version: what it does not tell has a neutral value. */
const VERSION = z.object({ name: z.literal("weir agent"), id: z.string(), version: z.string() });

const ENDPOINTS = z.object({
  controlPlane: z.object({
    isConnected: z.boolean(),
    address: z.string().default(""),
    problem: z.string().default(""),
  }),
  services: z.array(
    z.object({
      service: z.string(),
      origin: z.string().default(""),
      ageMs: z.number().optional(),
      unknownPolicy: z.string().default(""),
      problem: z.string().default(""),
    }),
  ),
});

const INSTANCES = z.object({
  instances: z.array(
    z.object({
      key: z.string(),
      status: z.string(),
      health: z.string().default(""),
      detail: z.string().default(""),
    }),
  ),
});

const CONFIG = z.array(z.object({ name: z.string(), value: z.unknown() }));

/** What an agent's admin port tells of it. @param isAsked somebody named this address. */
export async function gatherAgent(
  probe: CheckProbe,
  address: string,
  isAsked: boolean,
): Promise<LocalAgentFacts> {
  const port = await probe.port(address);
  const none = { address, isAsked, port, pages: undefined, asksForToken: false };
  if (port.kind !== "http1" && port.kind !== "tls") return none;
  const page = await probe.page(address, "/version");
  if (page?.status === 401) return { ...none, asksForToken: true };
  const version = page && parse(page, VERSION);
  return { ...none, pages: version && (await gatherPages(probe, address, version)) };
}

async function gatherPages(
  probe: CheckProbe,
  address: string,
  { id, version }: z.infer<typeof VERSION>,
): Promise<AgentPages> {
  const [ready, endpoints, instances, config, metrics] = await Promise.all([
    probe.page(address, "/ready"),
    read(probe, address, "/endpoints", ENDPOINTS),
    read(probe, address, "/instances", INSTANCES),
    read(probe, address, "/config", CONFIG),
    probe.page(address, "/metrics"),
  ]);
  const listen = config?.find(({ name }) => name === "listen")?.value;
  return {
    id,
    version,
    isReady: ready?.status === 200,
    whyNotReady: ready?.body.trim().split("\n").join("; ") ?? "its admin port stopped answering",
    controlPlane: endpoints?.controlPlane ?? { isConnected: true, address: "", problem: "" },
    services: (endpoints?.services ?? []).map((service) => ({ ...service, ageMs: service.ageMs })),
    instances: instances?.instances ?? [],
    listener: await listenerOf(probe, address, listen),
    retries: retriesOf(metrics?.body ?? ""),
  };
}

/** Port 0 was chosen by the system: the settings do not say which it is. */
async function listenerOf(
  probe: CheckProbe,
  adminAddress: string,
  listen: unknown,
): Promise<AgentPages["listener"]> {
  if (typeof listen !== "string" || listen.endsWith(":0")) return undefined;
  const host = adminAddress.slice(0, adminAddress.lastIndexOf(":"));
  // Everywhere means also where the admin port is.
  const address = listen.replace(/^(0\.0\.0\.0|\[::\]):/, `${host}:`);
  return { address, port: await probe.port(address) };
}

async function read<T>(
  probe: CheckProbe,
  address: string,
  path: string,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const page = await probe.page(address, path);
  return page && parse(page, schema);
}

function parse<T>(page: { status: number; body: string }, schema: z.ZodType<T>): T | undefined {
  if (page.status !== 200) return undefined;
  try {
    return schema.safeParse(JSON.parse(page.body)).data;
  } catch {
    return undefined;
  }
}

/** By service, from the agent's figures for Prometheus. */
function retriesOf(metrics: string): AgentPages["retries"] {
  const made = countsOf(metrics, "weir_agent_retries_total");
  const refused = countsOf(metrics, "weir_agent_retries_refused_total");
  return [...refused].map(([service, count]) => ({
    service,
    made: made.get(service) ?? 0,
    refused: count,
  }));
}

function countsOf(metrics: string, family: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of metrics.split("\n")) {
    if (!line.startsWith(`${family}{`)) continue;
    const [, service = "", value = "0"] = /service="([^"]*)"[^}]*\} (\S+)/.exec(line) ?? [];
    counts.set(service, Number(value));
  }
  return counts;
}
