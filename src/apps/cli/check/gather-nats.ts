import type { CheckProbe } from "../../../ports/check-probe.ts";
import type { ClusterSummary } from "../../../ports/cluster-api.ts";
import { hostOf } from "./connection-rules.ts";
import type { NatsServerFacts } from "./facts.ts";
import { isThisMachine } from "./this-machine.ts";

/** Where NATS shows its monitoring pages unless told otherwise. Source: docs.nats.io. */
const MONITORING_PORT = 8222;

/**
 * What only NATS' monitoring pages tell. Asked where somebody said, else beside the server that the
 * control plane is connected to.
 * @returns `undefined` when nobody could be asked
 */
export async function gatherNats(
  probe: CheckProbe,
  asked: readonly string[],
  cluster: ClusterSummary | undefined,
  controlPlane: string,
): Promise<readonly NatsServerFacts[] | undefined> {
  const addresses = asked.length > 0 ? asked : besideTheBus(cluster, controlPlane);
  const answers = await Promise.all(addresses.map((address) => askServer(probe, address)));
  const known = answers.filter((answer) => answer !== undefined);
  return known.length === 0 ? undefined : known;
}

/** A loopback address of another machine is none of ours. */
function besideTheBus(cluster: ClusterSummary | undefined, controlPlane: string): string[] {
  const host = URL.parse(cluster?.bus?.server ?? "")?.hostname ?? "";
  const isElsewhere = isThisMachine(host) && !isThisMachine(hostOf(controlPlane));
  return host === "" || isElsewhere ? [] : [`${host}:${MONITORING_PORT}`];
}

async function askServer(probe: CheckProbe, address: string): Promise<NatsServerFacts | undefined> {
  const page = await probe.page(address, "/varz");
  if (page?.status !== 200) return undefined;
  const varz = parsed(page.body);
  if (typeof varz?.["server_id"] !== "string") return undefined;
  const config = fields(fields(varz["jetstream"])?.["config"]);
  const interval = config?.["sync_interval"];
  return {
    address,
    version: String(varz["version"] ?? ""),
    hasJetStream: config !== undefined,
    syncsAlways: config?.["sync_always"] === true,
    // Nanoseconds, as Go prints durations.
    syncIntervalMs: typeof interval === "number" ? interval / 1e6 : undefined,
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fields(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null ? (value as Fields) : undefined;
}

function parsed(text: string): Fields | undefined {
  try {
    return fields(JSON.parse(text));
  } catch {
    return undefined;
  }
}
