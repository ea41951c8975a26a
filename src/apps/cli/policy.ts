import { type Command, InvalidArgumentError } from "commander";
import { parsePolicies } from "../../config/policy-document.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import { DEFAULT_NAMESPACE } from "../../core/model/names.ts";
import type { PolicyChangeOptions } from "../../ports/policy-api.ts";
import {
  type ConnectionOptions,
  namespaceOf,
  serviceOf,
  withApi,
  withConnection,
} from "./connection.ts";
import type { CliContext } from "./context.ts";
import { printJson } from "./output.ts";
import { addPolicyImport } from "./policy-import.ts";
import { printChanged, printHistory, printPolicies, printPolicy } from "./policy-output.ts";

interface ChangeOptions extends ConnectionOptions {
  readonly etag?: string;
  readonly dryRun?: boolean;
}

interface ApplyOptions extends ChangeOptions {
  readonly file: string;
}

/** `weir policy ...`: what operators decide of services, over the heads of instances. */
export function addPolicy(program: Command, context: CliContext): void {
  const policy = program
    .command("policy")
    .description("decide how agents balance a service, whatever its instances say");
  addApply(policy, context);
  addReading(policy, context);
  addDelete(policy, context);
  addRollback(policy, context);
  addPolicyImport(policy, context);
}

function addApply(policy: Command, context: CliContext): void {
  withChange(policy.command("apply"))
    .description("create or replace the policies of a YAML or JSON file")
    .requiredOption("-f, --file <file>", 'for example "service: orders", "balancing: peak_ewma"')
    .action(async (options: ApplyOptions) => {
      const { file } = options;
      const namespace = namespaceOf(context, options) ?? DEFAULT_NAMESPACE;
      const wanted = parsePolicies(file, await context.readText(file), namespace);
      if (options.etag !== undefined && wanted.length > 1) {
        throw new MeshError("INVALID_ARGUMENT", "--etag is of one policy, but the file holds more");
      }
      await withApi(context, options, async ({ policies }) => {
        for (const { policy: one, etag } of wanted) {
          const change = changeOf(context, options, etag);
          printChanged(context, options, "applied", await policies.apply(one, change));
        }
      });
    });
}

function addReading(policy: Command, context: CliContext): void {
  withConnection(policy.command("list"))
    .description("list policies, of every namespace unless one is named")
    .action(async (options: ConnectionOptions) => {
      const namespace = namespaceOf(context, options) ?? "";
      const listed = await withApi(context, options, ({ policies }) => policies.list(namespace));
      printPolicies(context, options, listed);
    });
  withService(policy.command("get"))
    .description("show the policy of a service")
    .action(async (text: string, options: ConnectionOptions) => {
      const name = serviceOf(context, options, text);
      const found = await withApi(context, options, ({ policies }) => policies.get(name));
      printPolicy(context, options, found);
    });
  withService(policy.command("history"))
    .description("list the last revisions of a service's policy, the newest first")
    .action(async (text: string, options: ConnectionOptions) => {
      const name = serviceOf(context, options, text);
      const history = await withApi(context, options, ({ policies }) => policies.history(name));
      printHistory(context, options, history);
    });
}

function addDelete(policy: Command, context: CliContext): void {
  withChange(withService(policy.command("delete"), false))
    .description("take the policy of a service away: what its instances say counts again")
    .action(async (text: string, options: ChangeOptions) => {
      const name = serviceOf(context, options, text);
      const change = changeOf(context, options, "");
      await withApi(context, options, ({ policies }) => policies.delete(name, change));
      if (options.output === "json") printJson(context, { ...name, deleted: true });
      else context.terminal.out(`deleted the policy of ${name.namespace}/${name.service}\n`);
    });
}

function addRollback(policy: Command, context: CliContext): void {
  withChange(withService(policy.command("rollback"), false))
    .description("make an earlier revision of a service's policy the newest one")
    .argument("<revision>", "its number in the history", parseRevision)
    .action(async (text: string, revision: number, options: ChangeOptions) => {
      const name = serviceOf(context, options, text);
      const change = changeOf(context, options, "");
      const rolledBack = await withApi(context, options, ({ policies }) =>
        policies.rollback(name, revision, change),
      );
      printChanged(context, options, "rolled back", rolledBack);
    });
}

function withService(command: Command, hasConnection = true): Command {
  const named = command.argument("<service>", "its name, or NAMESPACE/NAME");
  return hasConnection ? withConnection(named) : named;
}

function withChange(command: Command): Command {
  return withConnection(command)
    .option("--etag <etag>", "only while the policy is as it was read; `none` only creates")
    .option("--dry-run", "let the server check it, and change nothing");
}

function changeOf(context: CliContext, options: ChangeOptions, etag: string): PolicyChangeOptions {
  return {
    etag: options.etag ?? etag,
    isValidateOnly: options.dryRun ?? false,
    requestId: context.newId(),
  };
}

function parseRevision(text: string): number {
  const revision = Number(text);
  if (Number.isSafeInteger(revision) && revision > 0) return revision;
  throw new InvalidArgumentError("Write the number that `weir policy history` shows.");
}
