import { type Command, Option } from "commander";
import type { CliContext } from "./context.ts";
import { EXIT } from "./exit-code.ts";
import { printJson } from "./output.ts";
import { type Column, printable, table } from "./table.ts";
import type { Verdict } from "./verdict.ts";

/** Options of a program as they were typed; what was not typed is not there. */
export type Flags = Readonly<Record<string, string | boolean>>;

/** One setting of a program, and where its value comes from. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  /** For example `flag`, `WEIR_LISTEN`, `agent.yaml` or `default`. */
  readonly source: string;
}

/** A program whose settings were read and found good. */
export interface Configured {
  readonly settings: readonly Setting[];
  start(): Promise<RunningProgram>;
}

export interface RunningProgram {
  /** What listens where, and what to try next. */
  readonly lines: readonly string[];
  /** Drains, then ends. */
  stop(): Promise<void>;
  /** Reads settings and certificates again; a program without it has nothing to read again. */
  readonly reload?: () => Promise<void>;
  /** The exit code, when the program ends by itself, as an agent does with its command. */
  readonly ended?: Promise<number>;
}

/** The programs that `weir` can be. `configure` throws when settings are wrong. */
export interface Programs {
  server(flags: Flags): Promise<Configured>;
  /** @param command to start once the agent is ready; empty for none. */
  agent(flags: Flags, command: readonly string[]): Promise<Configured>;
  dev(flags: Flags): Promise<Configured>;
}

type Start = (flags: Flags, command: readonly string[]) => Promise<Configured>;

/** Adds the verbs that run until a signal comes, and `config`, which shows what they would run with. */
export function addPrograms(
  program: Command,
  context: CliContext,
  programs: Programs,
  verdict: Verdict,
): void {
  const add = (command: Command, description: string, configure: Start): Command =>
    command.description(description).action(async (...args: unknown[]) => {
      const { flags, operands } = split(args);
      await runProgram(context, verdict, () => configure(flags, operands));
    });
  add(withServerFlags(program.command("server")), "run the control plane", (flags) =>
    programs.server(flags),
  );
  add(
    withAgentFlags(program.command("agent")).argument("[command...]", "started once it is ready"),
    "run the data plane beside an application",
    (flags, command) => programs.agent(flags, command),
  );
  add(withDevFlags(program.command("dev")), "run server and agent in one process", (flags) =>
    programs.dev(flags),
  );
  addConfig(program, context, programs, verdict);
}

function withServerFlags(command: Command): Command {
  return withSecurityFlags(
    withNatsFlags(
      command
        .option("--listen <host:port>", "gRPC API (default 127.0.0.1:7400)")
        .option("--admin <host:port>", "HTTP: health, metrics, JSON views (default 127.0.0.1:7401)")
        .option("--state-dir <folder>", "where registrations survive a restart")
        .option("--replica-id <id>", "this replica's name")
        .option("--advertise <host:port>", "tell agents to reach this replica here")
        .option("--settle-after <duration>", "how long after a start absence means nothing yet"),
    ),
  );
}

/** How a replica reaches its peers. */
function withNatsFlags(command: Command): Command {
  return command
    .option(
      "--nats <urls>",
      "share records with peers over these NATS servers, nats://HOST:PORT,...",
    )
    .option("--cluster <name>", "which replicas are peers (default weir)")
    .option("--nats-creds <file>", "who we are to NATS: a .creds file")
    .option("--nats-nkey <file>", "or the seed of an nkey")
    .option("--nats-user <name>", "or a user, with --nats-password-file")
    .option("--nats-password-file <file>", "that user's password")
    .option("--nats-token-file <file>", "or a token")
    .option("--nats-ca <file>", "speak TLS to NATS and believe this CA (PEM), or `system`")
    .option("--nats-cert <file>", "show NATS this certificate")
    .option("--nats-key <file>", "its key")
    .option("--policy-copies <1|3>", "NATS servers that keep each policy");
}

/** Of every program that listens. */
function withSecurityFlags(command: Command): Command {
  return command
    .option("--tls-cert <file>", "speak TLS on every port, with this certificate (PEM)")
    .option("--tls-key <file>", "its key")
    .option("--tls-client-ca <file>", "ask clients for a certificate that this CA signed")
    .option("--token-file <file>", "ask callers for one of its tokens, NAME:TOKEN or TOKEN a line")
    .option("--insecure", "allow plaintext beyond this machine");
}

function withAgentFlags(command: Command): Command {
  return withSecurityFlags(
    command
      .option("--config <file>", "settings in YAML")
      .option("--control-plane <host:port,...>", "control planes to ask")
      .option("--listen <host:port>", "where applications send requests (default 127.0.0.1:15001)")
      .option("--admin <host:port>", "metrics and readiness (default 127.0.0.1:15000)")
      .option("--state-dir <folder>", "where the last known endpoints are kept")
      .option("--id <id>", "this agent's name")
      .option("--service <name>", "register an instance of it, which listens on --port")
      .option("--port <n>", "where that instance listens")
      .option("--health <path>", "what to ask it for over HTTP (default: only whether it accepts)")
      .option("--address <host>", "where other agents reach it (default 127.0.0.1)")
      .option("--instance <id>", "its id (default host name and port)")
      .option(
        "--control-plane-tls-ca <file>",
        "reach the control plane by TLS: its CA, or `system`",
      )
      .option("--control-plane-tls-cert <file>", "this agent's certificate for the control plane")
      .option("--control-plane-tls-key <file>", "its key")
      .option(
        "--control-plane-tls-server-name <name>",
        "the name in the control plane's certificate",
      )
      .option("--control-plane-token-file <file>", "the token for the control plane (WEIR_TOKEN)")
      .option("--take-over", "take the ports over from an agent that still runs"),
  );
}

function withDevFlags(command: Command): Command {
  return command
    .option("--config <file>", "the agent's settings in YAML")
    .option("--state-dir <folder>", "where both keep their state (default .weir)")
    .option("--server-listen <host:port>", "gRPC API (default 127.0.0.1:7400)")
    .option("--server-admin <host:port>", "the control plane's HTTP (default 127.0.0.1:7401)")
    .option("--listen <host:port>", "where applications send requests (default 127.0.0.1:15001)")
    .option("--admin <host:port>", "the agent's metrics and readiness (default 127.0.0.1:15000)")
    .option("--settle-after <duration>", "how long after a start absence means nothing yet")
    .option("--token-file <file>", "ask callers for one of its tokens, NAME:TOKEN or TOKEN a line")
    .option("--insecure", "allow plaintext beyond this machine");
}

/** Commander hands operands first, then options, then the command itself. */
function split(args: readonly unknown[]): { flags: Flags; operands: readonly string[] } {
  const options = args.at(-2) as Flags;
  const first = args.length > 2 ? args[0] : [];
  const operands = (Array.isArray(first) ? first : [first]).filter(
    (operand): operand is string => typeof operand === "string",
  );
  return { flags: options, operands };
}

async function runProgram(
  context: CliContext,
  verdict: Verdict,
  configure: () => Promise<Configured>,
): Promise<void> {
  const configured = await readSettings(context, verdict, configure);
  if (configured === undefined) return;
  // Asked before the start: who sees the addresses may send a signal at once.
  const stopped = context.signals.stop().then(() => EXIT.ok);
  const running = await configured.start();
  context.signals.onHangup(() => reload(context, running));
  context.terminal.out(`${running.lines.join("\n")}\n`);
  verdict.exitCode = await Promise.race([stopped, running.ended ?? stopped]);
  await running.stop();
}

/** @returns `undefined` when they are wrong; the person knows then, and the exit code says so. */
async function readSettings(
  { terminal }: CliContext,
  verdict: Verdict,
  configure: () => Promise<Configured>,
): Promise<Configured | undefined> {
  try {
    return await configure();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // One line a problem: a person mends them all at once.
    terminal.say(`weir: ${text.split("\n").map(printable).join("\n")}`);
    verdict.exitCode = EXIT.config;
    return undefined;
  }
}

function reload({ terminal }: CliContext, running: RunningProgram): void {
  if (running.reload === undefined) {
    terminal.say("SIGHUP: nothing to reload; settings are read at the start");
    return;
  }
  running.reload().then(
    () => terminal.say("SIGHUP: reloaded"),
    (error: Error) =>
      terminal.say(`SIGHUP: not reloaded, the former settings stay: ${error.message}`),
  );
}

const COLUMNS: readonly Column<Setting>[] = [
  { title: "SETTING", text: ({ name }) => name },
  { title: "VALUE", text: ({ value }) => value },
  { title: "SOURCE", text: ({ source }) => source },
];

/** `weir config server|agent [flags]`: the effective settings, and where each comes from. */
function addConfig(
  program: Command,
  context: CliContext,
  programs: Programs,
  verdict: Verdict,
): void {
  const config = program
    .command("config")
    .description("print the effective settings of a program, and where each comes from");
  const add = (command: Command, configure: Start): void => {
    command
      .addOption(
        new Option("-o, --output <format>", "table for people, json for programs")
          .choices(["table", "json"])
          .default("table"),
      )
      .action(async ({ output, ...flags }: Flags) => {
        const configured = await readSettings(context, verdict, () => configure(flags, []));
        if (configured === undefined) return;
        const { settings } = configured;
        if (output === "json") printJson(context, { settings });
        else context.terminal.out(table(COLUMNS, settings, context.terminal.hasColours));
      });
  };
  add(withServerFlags(config.command("server").description("of `weir server`")), (flags) =>
    programs.server(flags),
  );
  add(withAgentFlags(config.command("agent").description("of `weir agent`")), (flags) =>
    programs.agent(flags, []),
  );
}
