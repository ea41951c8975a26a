import type { Command } from "commander";
import type { ControlPlaneApi, ServiceSummary } from "../../ports/control-plane-api.ts";
import { type ConnectionOptions, namespaceOf, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { operatorPolicies } from "./operator-policies.ts";
import { printJson } from "./output.ts";
import { type Column, table } from "./table.ts";

/** A service with what an operator decided of it; `null` when nobody did. */
type Row = ServiceSummary & { readonly operatorPolicy: string | null };

const COLUMNS: readonly Column<Row>[] = [
  { title: "NAMESPACE", text: ({ namespace }) => namespace },
  { title: "SERVICE", text: ({ name }) => name },
  { title: "PROTOCOL", text: ({ protocol }) => protocol },
  {
    title: "POLICY",
    text: ({ policy, operatorPolicy }) =>
      operatorPolicy === null ? policy : `${operatorPolicy} (operator)`,
  },
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
      const services = await withApi(context, options, (api) => ask(api, namespace));
      if (options.output === "json") printJson(context, { services });
      else if (services.length > 0) {
        context.terminal.out(table(COLUMNS, services, context.terminal.hasColours));
      } else {
        context.terminal.say("no services; register one: weir register orders 127.0.0.1:8081");
      }
    });
}

async function ask(api: ControlPlaneApi, namespace: string): Promise<Row[]> {
  const services = await api.listServices(namespace);
  const decided = await operatorPolicies(api, namespace);
  return services.map((service) => ({
    ...service,
    operatorPolicy: decided.of({ ...service, service: service.name }) ?? null,
  }));
}
