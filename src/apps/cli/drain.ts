import { type Command, InvalidArgumentError } from "commander";
import type { DrainReport, LeaseName, PendingDrain } from "../../ports/control-plane-api.ts";
import { type ConnectionOptions, serviceOf, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { EXIT } from "./exit-code.ts";
import { counted, printJson } from "./output.ts";
import { type Column, table } from "./table.ts";
import type { Verdict } from "./verdict.ts";

/** What the server takes as well when nothing is said: twice a usual request timeout. */
const DEFAULT_DEADLINE_MS = 30_000;

/** What the server accepts. */
const MAX_DEADLINE_MS = 600_000;

interface DrainOptions extends ConnectionOptions {
  readonly deadline: number;
  readonly registrationId?: string;
}

const PENDING_COLUMNS: readonly Column<PendingDrain>[] = [
  { title: "AGENT", text: ({ agentId }) => agentId },
  { title: "REASON", text: ({ reason }) => reason },
  { title: "DETAIL", text: ({ detail }) => detail },
];

/** `weir drain SERVICE INSTANCE`: answers SAFE when the process may be killed. */
export function addDrain(program: Command, context: CliContext, verdict: Verdict): void {
  withInstance(program.command("drain"))
    .description("take an instance out of new requests; SAFE means that it may be killed")
    .option(
      "--deadline <duration>",
      "how long to wait for agents, at most 10m; 0 does not wait",
      parseDeadline,
      DEFAULT_DEADLINE_MS,
    )
    .action(async (service: string, instanceId: string, options: DrainOptions) => {
      const lease = leaseOf(context, options, service, instanceId);
      const report = await withApi(context, options, (api) => api.drain(lease, options.deadline));
      if (options.output === "json") printJson(context, asJson(lease, report));
      else printReport(context, report, options.deadline);
      if (report.outcome === "deadline") verdict.exitCode = EXIT.timeout;
    });
}

/** `weir undrain SERVICE INSTANCE`. */
export function addUndrain(program: Command, context: CliContext): void {
  withInstance(program.command("undrain"))
    .description("take a drain back: the instance serves again")
    .action(async (service: string, instanceId: string, options: DrainOptions) => {
      const lease = leaseOf(context, options, service, instanceId);
      const operatorRevision = await withApi(context, options, (api) => api.undrain(lease));
      if (options.output === "json") printJson(context, { ...named(lease), operatorRevision });
      else context.terminal.out(`${lease.namespace}/${lease.service} ${instanceId} serves again\n`);
    });
}

/** Adds what every verb about one instance understands. */
export function withInstance(command: Command): Command {
  return withConnection(command)
    .argument("<service>", "its name, or NAMESPACE/NAME")
    .argument("<instance>", "the instance's id")
    .option("--registration-id <id>", "only if this very process holds the id");
}

/** The lease that a verb about one instance means. */
export function leaseOf(
  context: CliContext,
  options: ConnectionOptions & { readonly registrationId?: string },
  text: string,
  instanceId: string,
): LeaseName {
  const { namespace, service } = serviceOf(context, options, text);
  return { namespace, service, instanceId, registrationId: options.registrationId ?? "" };
}

function named({ namespace, service, instanceId }: LeaseName): object {
  return { namespace, service, instance: instanceId };
}

function asJson(lease: LeaseName, report: DrainReport): object {
  return {
    ...named(lease),
    outcome: report.outcome === "safe" ? "SAFE" : "DEADLINE",
    waitedMs: Math.round(report.waitedMs),
    agentCount: report.agentCount,
    pending: report.pending.map(({ agentId, reason, detail }) => ({
      agent: agentId,
      reason,
      detail,
    })),
  };
}

function printReport({ terminal }: CliContext, report: DrainReport, deadlineMs: number): void {
  const waited = formatDuration(report.waitedMs);
  if (report.outcome === "safe") {
    terminal.out(`SAFE after ${waited}: ${counted(report.agentCount, "agent")} let go of it\n`);
    return;
  }
  terminal.out(`DEADLINE after ${waited}\n`);
  terminal.out(table(PENDING_COLUMNS, report.pending, terminal.hasColours));
  const again = deadlineMs === 0 ? "with a --deadline" : "again";
  terminal.say(`it stays draining; run the same command ${again} to wait on`);
}

function parseDeadline(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms > MAX_DEADLINE_MS) {
    throw new InvalidArgumentError("Write a duration of at most 10m with its unit, like 30s.");
  }
  return ms;
}
