import { type Command, InvalidArgumentError, Option } from "commander";
import { DEFAULT_NAMESPACE } from "../../core/model/names.ts";
import type { ControlPlaneAccessSettings } from "../../ports/control-plane-access.ts";
import type { ControlPlaneApi } from "../../ports/control-plane-api.ts";
import type { CliContext } from "./context.ts";
import { UsageError } from "./exit-code.ts";

/** Where `weir server` and `weir dev` listen unless told otherwise. */
export const DEFAULT_SERVER = "127.0.0.1:7400";

/** What every verb that talks to a control plane understands. */
export interface ConnectionOptions {
  readonly server?: string;
  readonly namespace?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly tokenFile?: string;
  readonly insecure?: boolean;
  readonly output: "table" | "json";
}

/** Adds `--server`, what it takes to get in there, `--namespace` and `--output`. */
export function withConnection(command: Command): Command {
  return command
    .addOption(
      new Option("--server <host:port>", "control plane to ask (WEIR_SERVER)").argParser(
        parseHostPort,
      ),
    )
    .option("--ca <file>", "speak TLS: the CA of the server's certificate, or `system` (WEIR_CA)")
    .option("--cert <file>", "certificate of this client (WEIR_CERT)")
    .option("--key <file>", "its key (WEIR_KEY)")
    .option("--server-name <name>", "the name in the server's certificate, unless its address")
    .option("--token-file <file>", "token to show (WEIR_TOKEN_FILE; WEIR_TOKEN holds one itself)")
    .option("--insecure", "send the token in plaintext, beyond this machine too")
    .option("-n, --namespace <name>", "namespace of the service (WEIR_NAMESPACE)")
    .addOption(
      new Option("-o, --output <format>", "table for people, json for programs")
        .choices(["table", "json"])
        .default("table"),
    );
}

/** `host:port` with a port that exists. */
export function parseHostPort(text: string): string {
  const port = Number(/^(?:\[[^\]]+\]|[^:\s]+):(\d{1,5})$/.exec(text)?.[1] ?? 0);
  if (port < 1 || port > 65_535) {
    throw new InvalidArgumentError(`Write HOST:PORT, for example ${DEFAULT_SERVER}.`);
  }
  return text;
}

/** Connects, uses the connection and ends it, whatever happens. */
export async function withApi<T>(
  context: CliContext,
  options: ConnectionOptions,
  use: (api: ControlPlaneApi) => Promise<T>,
): Promise<T> {
  const api = await context.connect(serverOf(context, options), accessOf(context, options));
  try {
    return await use(api);
  } finally {
    api.close();
  }
}

/** The control plane that was asked for, by flag, variable or default. @throws UsageError */
export function serverOf({ env }: CliContext, { server }: ConnectionOptions): string {
  if (server !== undefined) return server;
  const fromEnv = env["WEIR_SERVER"];
  if (fromEnv === undefined || fromEnv === "") return DEFAULT_SERVER;
  try {
    return parseHostPort(fromEnv);
  } catch {
    throw new UsageError(`WEIR_SERVER is "${fromEnv}"; write HOST:PORT like ${DEFAULT_SERVER}`);
  }
}

/** What was said about getting in, by flag or variable. A token is never a flag: everybody sees those in `ps`. */
export function accessOf(
  { env }: CliContext,
  options: ConnectionOptions,
): ControlPlaneAccessSettings {
  const { serverName, insecure } = options;
  return {
    ca: options.ca ?? said(env["WEIR_CA"]),
    cert: options.cert ?? said(env["WEIR_CERT"]),
    key: options.key ?? said(env["WEIR_KEY"]),
    serverName,
    tokenFile: options.tokenFile ?? said(env["WEIR_TOKEN_FILE"]),
    token: said(env["WEIR_TOKEN"]),
    insecure,
  };
}

/** An empty variable is how shells and compose files say "not set". */
function said(variable: string | undefined): string | undefined {
  return variable === "" ? undefined : variable;
}

/** The namespace that was asked for; `undefined` when none was. */
export function namespaceOf({ env }: CliContext, options: ConnectionOptions): string | undefined {
  return options.namespace ?? (env["WEIR_NAMESPACE"] || undefined);
}

/** `orders`, or `shop/orders` for a service of another namespace. */
export function serviceOf(
  context: CliContext,
  options: ConnectionOptions,
  text: string,
): { namespace: string; service: string } {
  const slash = text.indexOf("/");
  const asked = namespaceOf(context, options);
  if (slash < 0) return { namespace: asked ?? DEFAULT_NAMESPACE, service: text };
  const namespace = text.slice(0, slash);
  if (options.namespace !== undefined && options.namespace !== namespace) {
    throw new UsageError(`${text} names another namespace than --namespace ${options.namespace}`);
  }
  return { namespace, service: text.slice(slash + 1) };
}
