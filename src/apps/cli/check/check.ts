import { type Command, InvalidArgumentError, Option } from "commander";
import {
  accessOf,
  type ConnectionOptions,
  DEFAULT_SERVER,
  namespaceOf,
  parseHostPort,
  serverOf,
  withConnection,
} from "../connection.ts";
import type { CliContext } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { EXIT } from "../exit-code.ts";
import { counted, printJson } from "../output.ts";
import type { Verdict } from "../verdict.ts";
import type { CheckFacts } from "./facts.ts";
import { type CheckQuestion, gather } from "./gather.ts";
import { reportFields, reportText } from "./report.ts";
import { type Finding, judge, SEVERITIES, type Severity, type Verdicts } from "./rule.ts";
import { ALL_RULES } from "./rules.ts";

const DEFAULT_AGENT = "127.0.0.1:15000";

/** Twice as long as a control plane needs to settle. */
const DEFAULT_WAIT_MS = 60_000;

/** A new look is a dozen calls: often enough for a script that waits, seldom enough to be no load. */
const RETRY_MS = 1_000;

interface CheckOptions extends ConnectionOptions {
  readonly agent?: string;
  readonly admin?: string;
  readonly natsMonitor?: readonly string[];
  /** `true` without a duration. */
  readonly wait?: number | true;
  readonly failOn: Exclude<Severity, "info">;
}

/** What one look found, and whether that is a failure. */
interface Look {
  readonly facts: CheckFacts;
  readonly verdicts: Verdicts;
  readonly failing: readonly Finding[];
}

/** `weir check`: what is wrong, why it matters, and the command that mends it. */
export function addCheck(program: Command, context: CliContext, verdict: Verdict): void {
  withConnection(program.command("check"))
    .description("say what is wrong with the mesh, why it matters, and what mends it")
    .addOption(
      new Option(
        "--agent <host:port>",
        `an agent's admin port (${DEFAULT_AGENT} if one is there)`,
      ).argParser(parseHostPort),
    )
    .addOption(
      new Option(
        "--admin <host:port>",
        "the control plane's admin port (as it says itself)",
      ).argParser(parseHostPort),
    )
    .addOption(
      new Option(
        "--nats-monitor <host:port,...>",
        "monitoring pages of NATS servers (port 8222 of the one in use)",
      ).argParser((text: string) => text.split(",").map(parseHostPort)),
    )
    .addOption(
      new Option(
        "--wait [duration]",
        "look again until nothing fails, at most this long (60s)",
      ).argParser(parseWait),
    )
    .addOption(
      new Option("--fail-on <severity>", "the least that is a failure")
        .choices(SEVERITIES.filter((severity) => severity !== "info"))
        .default("error"),
    )
    .action(async (options: CheckOptions) => {
      verdict.exitCode = await check(context, options);
    });
}

async function check(context: CliContext, options: CheckOptions): Promise<number> {
  const { clock, terminal } = context;
  const probe = await context.checkProbe();
  const question = questionOf(context, options);
  const look = async (): Promise<Look> => {
    const facts = await gather(context, probe, question);
    const verdicts = judge(ALL_RULES, facts);
    return { facts, verdicts, failing: verdicts.findings.filter(isFailure(options.failOn)) };
  };
  const deadlineMs = clock.nowMs() + waitMs(options);
  let last = await look();
  let said = "";
  while (last.failing.length > 0 && clock.nowMs() + RETRY_MS <= deadlineMs) {
    const waitsFor = last.failing.map(({ id, subject }) => `${subject} [${id}]`).join(", ");
    if (waitsFor !== said) terminal.say(`waiting for ${waitsFor}`);
    said = waitsFor;
    await new Promise<void>((wake) => clock.after(RETRY_MS, wake));
    last = await look();
  }
  const exitCode = exitOf(last, options);
  print(context, options, last, exitCode);
  return exitCode;
}

function questionOf(context: CliContext, options: CheckOptions): CheckQuestion {
  const access = accessOf(context, options);
  const { ca, cert, token, tokenFile, serverName } = access;
  const target = {
    address: serverOf(context, options),
    usesTls: ca !== undefined || cert !== undefined,
    hasToken: token !== undefined || tokenFile !== undefined,
    flags: flagsOf(serverOf(context, options), options),
    trust: { caFile: ca === "system" ? undefined : ca, serverName },
  };
  return {
    target,
    connect: () => context.connect(target.address, access),
    namespace: namespaceOf(context, options) ?? "",
    adminAddress: options.admin,
    natsMonitors: options.natsMonitor ?? [],
    agent: { address: options.agent ?? DEFAULT_AGENT, isAsked: options.agent !== undefined },
  };
}

/** What other commands need to reach the same control plane. */
function flagsOf(address: string, options: CheckOptions): string {
  const { ca, cert, key, serverName, tokenFile, insecure } = options;
  const server = address === DEFAULT_SERVER ? undefined : address;
  const flags = { server, ca, cert, key, "server-name": serverName, "token-file": tokenFile };
  const words = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [` --${name} ${value}`],
  );
  return `${words.join("")}${insecure === true ? " --insecure" : ""}`;
}

function isFailure(failOn: CheckOptions["failOn"]): (finding: Finding) => boolean {
  return ({ severity }) => SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn);
}

function waitMs({ wait }: CheckOptions): number {
  if (wait === undefined) return 0;
  return wait === true ? DEFAULT_WAIT_MS : wait;
}

function exitOf({ failing }: Look, { wait }: CheckOptions): number {
  if (failing.length === 0) return EXIT.ok;
  return wait === undefined ? EXIT.failed : EXIT.timeout;
}

function print(context: CliContext, options: CheckOptions, look: Look, exitCode: number): void {
  const { facts, verdicts, failing } = look;
  const { terminal } = context;
  if (options.output === "json") printJson(context, reportFields(facts, verdicts, exitCode));
  else terminal.out(reportText(facts, verdicts, terminal.hasColours));
  if (exitCode === EXIT.timeout) {
    terminal.say(
      `weir: after ${waitMs(options) / 1_000} s still ${counted(failing.length, "failure")}`,
    );
  }
}

function parseWait(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError("Write a duration with its unit, like 30s.");
  return ms;
}
