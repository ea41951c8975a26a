import { type Command, Option } from "commander";
import type { ServerState } from "../../ports/control-plane-api.ts";
import {
  accessOf,
  type ConnectionOptions,
  parseHostPort,
  withApi,
  withConnection,
} from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration } from "./duration.ts";
import { EXIT } from "./exit-code.ts";
import { counted, printJson } from "./output.ts";
import type { Verdict } from "./verdict.ts";

interface HealthOptions extends ConnectionOptions {
  readonly agent?: string;
}

/**
 * `weir health`: a container's health check, and the first thing to ask. Fails when something is degraded
 * that belongs to this server; NATS is everybody's, and no restart of a replica brings it back.
 */
export function addHealth(program: Command, context: CliContext, verdict: Verdict): void {
  withConnection(program.command("health"))
    .description("say how the control plane, or an agent, is; fails unless it is well")
    .addOption(
      new Option("--agent <host:port>", "ask this agent's admin port instead").argParser(
        parseHostPort,
      ),
    )
    .action(async (options: HealthOptions) => {
      const isWell =
        options.agent === undefined
          ? await serverHealth(context, options)
          : await agentHealth(context, options, options.agent);
      if (!isWell) verdict.exitCode = EXIT.failed;
    });
}

async function agentHealth(
  context: CliContext,
  options: HealthOptions,
  agent: string,
): Promise<boolean> {
  const { isReady, text } = await context.agentReadiness(agent, accessOf(context, options));
  const detail = text.trim();
  if (options.output === "json") printJson(context, { agent, isReady, detail });
  else context.terminal.out(`agent at ${agent}: ${isReady ? "ready" : `not ready: ${detail}`}\n`);
  return isReady;
}

async function serverHealth(context: CliContext, options: HealthOptions): Promise<boolean> {
  const state = await withApi(context, options, (api) => api.status());
  if (options.output === "json") printJson(context, state);
  else context.terminal.out(`${inWords(state).join("\n")}\n`);
  const { policyStore, degraded } = state;
  const ofOthers = policyStore?.kind === "nats" ? policyStore.problem : "";
  return degraded.every((what) => what === ofOthers);
}

function inWords(state: ServerState): string[] {
  const { serviceCount, instanceCount, watchCount, sessionCount } = state;
  return [
    `replica ${state.replicaId}, Weir ${state.softwareVersion}, up ${formatDuration(state.uptimeMs)}`,
    state.isSettled
      ? "settled: it has heard everybody"
      : "not settled yet: it removes nothing that it has not seen leave",
    [
      counted(serviceCount, "service"),
      counted(instanceCount, "instance"),
      counted(watchCount, "watcher"),
      counted(sessionCount, "session"),
    ].join(", "),
    ...state.frozen.map(
      ({ scope, reason, frozenForMs }) =>
        `expiry frozen for ${scope} since ${formatDuration(frozenForMs)}: ${reason}`,
    ),
    ...state.degraded.map((what) => `degraded: ${what}`),
  ];
}
