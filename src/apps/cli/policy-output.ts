import type { ChangedPolicy, PolicyListing } from "../../ports/policy-api.ts";
import type { ConnectionOptions } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { printJson } from "./output.ts";
import { type Column, printable, table } from "./table.ts";

const COLUMNS: readonly Column<PolicyListing>[] = [
  { title: "NAMESPACE", text: ({ policy }) => policy.namespace },
  { title: "SERVICE", text: ({ policy }) => policy.service },
  { title: "BALANCING", text: ({ policy }) => policy.balancing },
  { title: "REVISION", text: ({ revision }) => String(revision), isFigure: true },
  { title: "CHANGED", text: changedAt },
  { title: "BY", text: ({ changedBy }) => changedBy },
];

const HISTORY_COLUMNS: readonly Column<PolicyListing>[] = [
  { title: "REVISION", text: ({ revision }) => String(revision), isFigure: true },
  { title: "CHANGED", text: changedAt },
  { title: "BY", text: ({ changedBy }) => changedBy },
  {
    title: "BALANCING",
    text: ({ policy, isDeleted }) => (isDeleted ? "(deleted)" : policy.balancing),
  },
];

export function printPolicies(
  context: CliContext,
  { output }: ConnectionOptions,
  policies: readonly PolicyListing[],
): void {
  const { terminal } = context;
  if (output === "json") printJson(context, { policies: policies.map(asJson) });
  else if (policies.length > 0) terminal.out(table(COLUMNS, policies, terminal.hasColours));
  else terminal.say("no policies: every service is balanced as its instances say");
}

/** As a document that `weir policy apply` takes: with its etag, so that a change in between is noticed. */
export function printPolicy(
  context: CliContext,
  { output }: ConnectionOptions,
  listing: PolicyListing,
): void {
  const { policy, etag } = listing;
  if (output === "json") printJson(context, asJson(listing));
  else {
    const fields = { ...policy, etag };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${printable(value)}\n`);
    context.terminal.out(lines.join(""));
  }
}

export function printHistory(
  context: CliContext,
  { output }: ConnectionOptions,
  history: readonly PolicyListing[],
): void {
  const { terminal } = context;
  if (output === "json") printJson(context, { revisions: history.map(asJson) });
  else terminal.out(table(HISTORY_COLUMNS, history, terminal.hasColours));
}

export function printChanged(
  context: CliContext,
  options: ConnectionOptions & { readonly dryRun?: boolean },
  verb: string,
  { listing, warning }: ChangedPolicy,
): void {
  const { policy, revision } = listing;
  const { terminal } = context;
  if (warning !== "") terminal.say(`note: ${printable(warning)}`);
  if (options.output === "json") {
    printJson(context, asJson(listing));
    return;
  }
  const name = printable(`${policy.namespace}/${policy.service}: ${policy.balancing}`);
  terminal.out(
    options.dryRun ? `would hold for ${name}\n` : `${verb} ${name} (revision ${revision})\n`,
  );
}

function asJson({
  policy,
  etag,
  revision,
  changedBy,
  isDeleted,
  ...listing
}: PolicyListing): object {
  return {
    ...policy,
    etag,
    revision,
    changedAt: changedAt(listing),
    changedBy,
    deleted: isDeleted,
  };
}

function changedAt({ changedAtMs }: Pick<PolicyListing, "changedAtMs">): string {
  return changedAtMs === 0 ? "" : new Date(changedAtMs).toISOString();
}
