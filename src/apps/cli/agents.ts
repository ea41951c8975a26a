import type { Command } from "commander";
import type { AgentSummary } from "../../ports/control-plane-api.ts";
import { type ConnectionOptions, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration } from "./duration.ts";
import { printJson } from "./output.ts";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column<AgentSummary>[] = [
  { title: "AGENT", text: ({ id }) => id },
  { title: "ROLE", text: ({ role }) => role },
  { title: "STATE", text: ({ state }) => state.toUpperCase() },
  { title: "SERVICES", text: ({ subscriptionCount }) => String(subscriptionCount), isFigure: true },
  { title: "VERSION", text: ({ version }) => String(version), isFigure: true },
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
  { title: "PEER", text: ({ peer }) => peer },
  { title: "SOFTWARE", text: ({ softwareVersion }) => softwareVersion },
  { title: "NOTE", text: ({ lastRejection }) => lastRejection },
];

/** `weir agents`: who watches, and how far each is. */
export function addAgents(program: Command, context: CliContext): void {
  withConnection(program.command("agents"))
    .description("list agents that watch, or did a moment ago, and how far each is")
    .action(async (options: ConnectionOptions) => {
      const agents = await withApi(context, options, (api) => api.listAgents());
      if (options.output === "json") printJson(context, { agents: agents.map(asJson) });
      else if (agents.length > 0) {
        context.terminal.out(table(COLUMNS, agents, context.terminal.hasColours));
      } else {
        context.terminal.say("no agents; start one: weir agent");
      }
    });
}

function asJson({ state, ...agent }: AgentSummary): object {
  return { ...agent, state: state.toUpperCase() };
}
