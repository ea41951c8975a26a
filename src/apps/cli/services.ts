import type { Command } from "commander";
import type { ServiceSummary } from "../../ports/control-plane-api.ts";
import { type ConnectionOptions, namespaceOf, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { printJson } from "./output.ts";
import { type Column, table } from "./table.ts";

const COLUMNS: readonly Column<ServiceSummary>[] = [
  { title: "NAMESPACE", text: ({ namespace }) => namespace },
  { title: "SERVICE", text: ({ name }) => name },
  { title: "PROTOCOL", text: ({ protocol }) => protocol },
  { title: "POLICY", text: ({ policy }) => policy },
  {
    title: "HEALTHY",
    text: ({ healthyCount, instanceCount }) => `${healthyCount}/${instanceCount}`,
    isFigure: true,
  },
  {
    title: "NOTE",
    text: ({ hasConflictingDefaults }) =>
      hasConflictingDefaults ? "instances disagree about protocol or policy" : "",
  },
];

/** `weir services`: which services there are. */
export function addServices(program: Command, context: CliContext): void {
  withConnection(program.command("services"))
    .description("list services, of every namespace unless one is named")
    .action(async (options: ConnectionOptions) => {
      const namespace = namespaceOf(context, options) ?? "";
      const services = await withApi(context, options, (api) => api.listServices(namespace));
      if (options.output === "json") printJson(context, { services });
      else if (services.length > 0) {
        context.terminal.out(table(COLUMNS, services, context.terminal.hasColours));
      } else {
        context.terminal.say("no services; register one: weir register orders 127.0.0.1:8081");
      }
    });
}
