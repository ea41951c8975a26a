import { type Command, InvalidArgumentError, Option } from "commander";
import { POLICY_NAMES } from "../../core/balancing/policy.ts";
import {
  DEFAULT_WEIGHT,
  type Metadata,
  NO_LOCALITY,
  NO_METADATA,
  type Protocol,
} from "../../core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import { DEFAULT_LEASE_MS } from "../../core/model/validate-instance.ts";
import type { ControlPlaneApi, Registration } from "../../ports/control-plane-api.ts";
import { type ConnectionOptions, serviceOf, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { EXIT } from "./exit-code.ts";
import { collectPair } from "./filters.ts";
import { keepRegistered } from "./keep-registered.ts";
import { printJson } from "./output.ts";
import { idFromTarget, parseTarget } from "./target.ts";
import type { Verdict } from "./verdict.ts";

const PROTOCOLS: readonly Protocol[] = ["http1", "http2", "grpc", "tcp"];

interface RegisterOptions extends ConnectionOptions {
  readonly id?: string;
  readonly weight: number;
  readonly priority: number;
  readonly metadata?: Metadata;
  readonly policy?: string;
  readonly protocol: Protocol;
  readonly lease: number;
  readonly once?: boolean;
}

/** `weir register SERVICE ADDRESS`: stays and renews, for a laptop or a start script without an agent. */
export function addRegister(program: Command, context: CliContext, verdict: Verdict): void {
  withConnection(program.command("register"))
    .description("register an instance and keep it registered until Ctrl-C")
    .argument("<service>", "its name, or NAMESPACE/NAME")
    .argument("<address>", "HOST:PORT, [IPV6]:PORT or unix:/path/of.sock")
    .option("--id <id>", "the instance's id; made from the address when not said")
    .option("--weight <n>", "share of traffic, 0..10000", parseCount, DEFAULT_WEIGHT)
    .option("--priority <n>", "0 serves first, larger numbers are backups", parseCount, 0)
    .option("--metadata <key=value>", "a label; may be repeated", collectPair)
    .addOption(new Option("--policy <name>", "how agents balance").choices(POLICY_NAMES))
    .addOption(
      new Option("--protocol <name>", "what it speaks").choices(PROTOCOLS).default("http1"),
    )
    .option("--lease <duration>", "how long silence is trusted", parseLease, DEFAULT_LEASE_MS)
    .option("--once", "register and return; the lease then ends by itself unless renewed")
    .action(async (text: string, address: string, options: RegisterOptions) => {
      const registration = registrationOf(context, options, text, address);
      await withApi(context, options, async (api) => {
        if (options.once) await registerOnce(context, options, api, registration);
        else await stayRegistered(context, api, registration, verdict);
      });
    });
}

async function registerOnce(
  context: CliContext,
  options: RegisterOptions,
  api: ControlPlaneApi,
  registration: Registration,
): Promise<void> {
  const grant = await api.register(registration);
  const { namespace, service, id } = registration.instance;
  if (options.output === "json") {
    const { registrationId, generation, leaseMs, renewIntervalMs } = grant;
    const lease = { registrationId, generation, leaseMs, renewIntervalMs };
    printJson(context, { namespace, service, instance: id, ...lease });
  } else {
    const lease = formatDuration(grant.leaseMs);
    context.terminal.out(`registered ${namespace}/${service} ${id} for ${lease}\n`);
  }
}

async function stayRegistered(
  context: CliContext,
  api: ControlPlaneApi,
  registration: Registration,
  verdict: Verdict,
): Promise<void> {
  const stopping = new AbortController();
  const stopped = context.signals.stop().then((signal) => {
    if (signal === "SIGINT") verdict.exitCode = EXIT.interrupted;
    stopping.abort();
  });
  const { clock, terminal } = context;
  const say = (line: string): void => terminal.say(line);
  await keepRegistered({ api, clock, registration, stopping: stopping.signal, say });
  await stopped;
}

function registrationOf(
  context: CliContext,
  options: RegisterOptions,
  text: string,
  where: string,
): Registration {
  const { address, port } = parseArgument(where);
  const { weight, priority, metadata, protocol, policy, lease, once } = options;
  return {
    instance: {
      ...serviceOf(context, options, text),
      id: (options.id ?? idFromTarget(where)) as InstanceId,
      address,
      ports: [{ name: "http", port, protocol }],
      weight,
      priority,
      locality: NO_LOCALITY,
      metadata: metadata ?? NO_METADATA,
      health: "healthy",
      // Without one the server derives it, so that a registration repeated by hand is the same one.
      registrationId: (once ? "" : context.newId()) as RegistrationId,
      generation: once ? 0 : 1,
      leaseMs: lease,
    },
    defaults: { protocol, policy: policy ?? "" },
    leaseToken: new Uint8Array(),
  };
}

function parseArgument(where: string): ReturnType<typeof parseTarget> {
  try {
    return parseTarget(where);
  } catch (error) {
    const how = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`"${where}" is no address. ${how}`);
  }
}

function parseCount(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("Write a whole number.");
  return Number(text);
}

function parseLease(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("Write a duration with its unit, like 15s.");
  return ms;
}
