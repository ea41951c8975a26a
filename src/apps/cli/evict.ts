import type { Command } from "commander";
import { type ConnectionOptions, withApi } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { leaseOf, withInstance } from "./drain.ts";
import { printJson } from "./output.ts";

interface EvictOptions extends ConnectionOptions {
  readonly registrationId?: string;
}

/** `weir evict SERVICE INSTANCE`: for what nobody else removes, also while expiry is frozen. */
export function addEvict(program: Command, context: CliContext): void {
  withInstance(program.command("evict"))
    .description(
      "remove an instance for good: its process cannot come back under this registration",
    )
    .action(async (text: string, instanceId: string, options: EvictOptions) => {
      const lease = leaseOf(context, options, text, instanceId);
      const registrationId = await withApi(context, options, (api) => api.evict(lease));
      const { namespace, service } = lease;
      if (options.output === "json") {
        printJson(context, { namespace, service, instance: instanceId, registrationId });
      } else {
        context.terminal.out(`evicted ${namespace}/${service} ${instanceId} (${registrationId})\n`);
      }
    });
}
