import type { Command } from "commander";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { ClusterSummary, MemberSummary } from "../../ports/cluster-api.ts";
import type { AgentSummary, ControlPlaneApi } from "../../ports/control-plane-api.ts";
import { clusterOf } from "./cluster-of.ts";
import { accessOf, type ConnectionOptions, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration } from "./duration.ts";
import { EXIT } from "./exit-code.ts";
import { counted, printJson } from "./output.ts";
import { type Column, table } from "./table.ts";
import type { Verdict } from "./verdict.ts";

interface AgentsOptions extends ConnectionOptions {
  readonly allReplicas?: boolean;
}

/** The agents of some replicas, and those that could not be asked. */
interface Listing {
  readonly agents: readonly AgentSummary[];
  readonly failures: readonly string[];
}

const COLUMNS: readonly Column<AgentSummary>[] = [
  { title: "AGENT", text: ({ id }) => id },
  { title: "ROLE", text: ({ role }) => role },
  { title: "STATE", text: ({ state }) => state.toUpperCase() },
  { title: "SERVICES", text: ({ subscriptionCount }) => String(subscriptionCount), isFigure: true },
  { title: "VERSION", text: ({ version }) => String(version), isFigure: true },
  {
    title: "BEHIND",
    text: ({ versionsBehind }) => (versionsBehind === 0 ? "" : String(versionsBehind)),
    isFigure: true,
  },
  {
    title: "LAG",
    text: ({ lagMs }) => (lagMs === 0 ? "" : formatDuration(lagMs)),
    isFigure: true,
  },
  {
    title: "CONNECTED",
    text: ({ connectedMs }) => formatDuration(connectedMs),
    isFigure: true,
  },
  { title: "REPLICA", text: ({ replicaId }) => replicaId },
  { title: "PEER", text: ({ peer }) => peer },
  { title: "SOFTWARE", text: ({ softwareVersion }) => softwareVersion },
  { title: "NOTE", text: ({ lastRejection }) => lastRejection },
];

/** `weir agents`: who watches, and how far each is. */
export function addAgents(program: Command, context: CliContext, verdict: Verdict): void {
  withConnection(program.command("agents"))
    .description("list agents that watch, or did a moment ago, and how far each is")
    .option(
      "--all-replicas",
      "also those of the other replicas, asked where they say to be reached",
    )
    .action(async (options: AgentsOptions) => {
      const { cluster, own } = await withApi(context, options, ask);
      const others = othersIn(cluster);
      const isAll = options.allReplicas === true;
      const more = isAll ? await askOthers(context, options, others) : { agents: [], failures: [] };
      print(context, options, [...own, ...more.agents]);
      for (const failure of more.failures) context.terminal.say(failure);
      if (more.failures.length > 0) verdict.exitCode = EXIT.failed;
      if (isAll || others.length === 0) return;
      context.terminal.say(
        `${counted(others.length, "other replica")} may have more: weir agents --all-replicas`,
      );
    });
}

async function ask(
  api: ControlPlaneApi,
): Promise<{ cluster: ClusterSummary | undefined; own: AgentSummary[] }> {
  const own = await api.listAgents();
  return { cluster: await clusterOf(api), own };
}

/** Who may have agents of his own. */
function othersIn(cluster: ClusterSummary | undefined): MemberSummary[] {
  const members = cluster?.members ?? [];
  return members.filter(({ isSelf, state }) => !isSelf && state !== "dead" && state !== "left");
}

async function askOthers(
  context: CliContext,
  options: AgentsOptions,
  others: readonly MemberSummary[],
): Promise<Listing> {
  const answers = await Promise.all(others.map((member) => askOther(context, options, member)));
  return {
    agents: answers.flatMap(({ agents }) => agents),
    failures: answers.flatMap(({ failures }) => failures),
  };
}

/** With the credentials for the one that was named: replicas of a cluster have the same. */
async function askOther(
  context: CliContext,
  options: AgentsOptions,
  { id, address }: MemberSummary,
): Promise<Listing> {
  if (address === "") {
    const failure = `agents of ${id} are not listed: it does not say where it is reached; start it with --advertise HOST:PORT`;
    return { agents: [], failures: [failure] };
  }
  let api: ControlPlaneApi | undefined;
  try {
    api = await context.connect(address, accessOf(context, options));
    return { agents: await api.listAgents(), failures: [] };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    return { agents: [], failures: [`agents of ${id} are not listed: ${error.message}`] };
  } finally {
    api?.close();
  }
}

function print(context: CliContext, options: AgentsOptions, agents: readonly AgentSummary[]): void {
  if (options.output === "json") printJson(context, { agents: agents.map(asJson) });
  else if (agents.length > 0) {
    context.terminal.out(table(COLUMNS, agents, context.terminal.hasColours));
  } else {
    context.terminal.say("no agents; start one: weir agent");
  }
}

function asJson({ state, ...agent }: AgentSummary): object {
  return { ...agent, state: state.toUpperCase() };
}
