import type { Command } from "commander";
import { MeshError } from "../../core/model/mesh-error.ts";
import { ETAG_OF_NONE, type ServicePolicy } from "../../core/policies/service-policy.ts";
import type { PolicyApi } from "../../ports/policy-api.ts";
import { type ConnectionOptions, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { printJson } from "./output.ts";
import { printable } from "./table.ts";

interface ImportOptions extends ConnectionOptions {
  readonly dryRun?: boolean;
}

interface Imported {
  readonly policy: ServicePolicy;
  readonly outcome: "imported" | "there";
  readonly warning: string;
}

/** `weir policy import PATH`: from the file of a single server to whoever answers, a cluster for example. */
export function addPolicyImport(policy: Command, context: CliContext): void {
  withConnection(policy.command("import"))
    .description("copy the policies that a single server kept in its state directory")
    .argument("<path>", "its file `policies`")
    .option("--dry-run", "let the server check them, and change nothing")
    .action(async (path: string, options: ImportOptions) => {
      const kept = await context.readPolicies(path);
      const results = await withApi(context, options, async ({ policies }) => {
        const done: Imported[] = [];
        for (const one of kept) done.push(await importOne(policies, one, context, options));
        return done;
      });
      if (options.output === "json") printJson(context, { policies: results.map(asJson) });
      else print(context, path, options, results);
    });
}

/** Never replaces: what is there was decided later than what the file says. */
async function importOne(
  policies: PolicyApi,
  policy: ServicePolicy,
  context: CliContext,
  { dryRun = false }: ImportOptions,
): Promise<Imported> {
  const change = { etag: ETAG_OF_NONE, isValidateOnly: dryRun, requestId: context.newId() };
  try {
    const { warning } = await policies.apply(policy, change);
    return { policy, outcome: "imported", warning };
  } catch (error) {
    const isThere = error instanceof MeshError && error.code === "ETAG_MISMATCH";
    if (isThere) return { policy, outcome: "there", warning: "" };
    throw error;
  }
}

function print(
  { terminal }: CliContext,
  path: string,
  { dryRun = false }: ImportOptions,
  results: readonly Imported[],
): void {
  for (const warning of new Set(results.map((one) => one.warning))) {
    if (warning !== "") terminal.say(`note: ${printable(warning)}`);
  }
  for (const { policy, outcome } of results) {
    if (outcome === "imported") continue;
    terminal.say(`${policy.namespace}/${policy.service} has a policy already: it stays`);
  }
  const count = results.filter(({ outcome }) => outcome === "imported").length;
  const verb = dryRun ? "would import" : "imported";
  terminal.out(`${verb} ${count} ${count === 1 ? "policy" : "policies"} of ${path}\n`);
}

function asJson({ policy, outcome }: Imported): object {
  return { ...policy, outcome };
}
