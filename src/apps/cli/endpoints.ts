import type { Command } from "commander";
import { formatAddress, type Metadata, NO_METADATA } from "../../core/model/instance.ts";
import type { InstanceListing } from "../../ports/control-plane-api.ts";
import { type ConnectionOptions, serviceOf, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration } from "./duration.ts";
import { collectPair, formatPairs } from "./filters.ts";
import { operatorPolicies } from "./operator-policies.ts";
import { printJson } from "./output.ts";
import { type Column, table } from "./table.ts";

interface EndpointsOptions extends ConnectionOptions {
  readonly label?: Metadata;
}

const COLUMNS: readonly Column<InstanceListing>[] = [
  { title: "ID", text: ({ instance }) => instance.id },
  { title: "ADDRESS", text: addressOf },
  { title: "STATE", text: ({ state }) => state },
  { title: "WEIGHT", text: ({ effectiveWeight }) => String(effectiveWeight), isFigure: true },
  { title: "PRIORITY", text: ({ instance }) => String(instance.priority), isFigure: true },
  {
    title: "LEASE",
    text: ({ leaseRemainingMs }) =>
      leaseRemainingMs < 0 ? "overdue" : formatDuration(leaseRemainingMs),
    isFigure: true,
  },
  { title: "METADATA", text: ({ instance }) => formatPairs(instance.metadata) },
];

/** `weir endpoints SERVICE`: where agents send a service's requests. */
export function addEndpoints(program: Command, context: CliContext): void {
  withConnection(program.command("endpoints"))
    .description("list a service's instances as agents are told of them")
    .argument("<service>", "its name, or NAMESPACE/NAME")
    .option("-l, --label <key=value>", "only with this metadata; may be repeated", collectPair)
    .action(async (text: string, options: EndpointsOptions) => {
      const { namespace, service } = serviceOf(context, options, text);
      const label = options.label ?? NO_METADATA;
      const { list, decided } = await withApi(context, options, async (api) => ({
        list: await api.listInstances(namespace, service, label),
        decided: await operatorPolicies(api, namespace),
      }));
      const operatorPolicy = decided.of({ namespace, service }) ?? null;
      if (options.output === "json") {
        printJson(context, { namespace, service, operatorPolicy, endpoints: list.map(asJson) });
      } else if (list.length > 0) {
        context.terminal.out(table(COLUMNS, list, context.terminal.hasColours));
        if (operatorPolicy !== null) {
          context.terminal.say(`balanced by ${operatorPolicy}: an operator decided so`);
        }
      } else {
        const which = label.size > 0 ? ` with ${formatPairs(label)}` : "";
        context.terminal.say(`${namespace}/${service} has no instances${which}`);
      }
    });
}

function addressOf({ instance }: InstanceListing): string {
  return formatAddress(instance.address, instance.ports[0]?.port ?? 0);
}

/** Fields that programs may rely on. */
function asJson(listing: InstanceListing): object {
  const { instance, registeredAtMs } = listing;
  return {
    id: instance.id,
    registrationId: instance.registrationId,
    generation: instance.generation,
    address: addressOf(listing),
    ports: instance.ports,
    state: listing.state,
    health: instance.health,
    isDraining: listing.isDraining,
    weight: instance.weight,
    effectiveWeight: listing.effectiveWeight,
    priority: instance.priority,
    locality: instance.locality,
    metadata: Object.fromEntries(instance.metadata),
    leaseMs: instance.leaseMs,
    leaseRemainingMs: Math.round(listing.leaseRemainingMs),
    sessionId: listing.sessionId,
    registeredAt: registeredAtMs === 0 ? null : new Date(registeredAtMs).toISOString(),
  };
}
