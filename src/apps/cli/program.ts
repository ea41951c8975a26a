import { Command, CommanderError } from "commander";
import { MeshError } from "../../core/model/mesh-error.ts";
import { addAgents } from "./agents.ts";
import { addCheck } from "./check/check.ts";
import { addCompletion } from "./completion/completion.ts";
import type { CliContext } from "./context.ts";
import { addDrain, addUndrain } from "./drain.ts";
import { addEndpoints } from "./endpoints.ts";
import { addEvict } from "./evict.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { addHealth } from "./health.ts";
import { addMembers } from "./members.ts";
import { addPolicy } from "./policy.ts";
import { addPrograms, type Programs } from "./programs.ts";
import { addRegister } from "./register.ts";
import { addServices } from "./services.ts";
import { printable } from "./table.ts";
import type { Verdict } from "./verdict.ts";
import { addVersion } from "./version.ts";
import { addWatch } from "./watch.ts";

/**
 * Runs one command line to its end.
 * @param args without the program's name.
 * @returns the exit code.
 */
export async function runCli(
  args: readonly string[],
  context: CliContext,
  programs: Programs,
): Promise<number> {
  const verdict: Verdict = { exitCode: EXIT.ok };
  const program = newProgram(context, programs, verdict);
  try {
    await program.parseAsync(args, { from: "user" });
    return verdict.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return commanderExit(context, error);
    context.terminal.say(`weir: ${inWords(error)}`);
    return exitCodeOf(error);
  }
}

function newProgram(context: CliContext, programs: Programs, verdict: Verdict): Command {
  const { terminal } = context;
  const program = new Command("weir")
    .description("a service mesh that one person can run and read")
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      writeErr: (text) => terminal.say(text.trimEnd()),
      getOutHasColors: () => terminal.hasColours,
      getErrHasColors: () => false,
    })
    .showHelpAfterError("(--help lists what there is)")
    .exitOverride();
  addPrograms(program, context, programs, verdict);
  addServices(program, context);
  addEndpoints(program, context);
  addWatch(program, context, verdict);
  addRegister(program, context, verdict);
  addDrain(program, context, verdict);
  addUndrain(program, context);
  addEvict(program, context);
  addPolicy(program, context);
  addAgents(program, context, verdict);
  addMembers(program, context);
  addCheck(program, context, verdict);
  addHealth(program, context, verdict);
  addVersion(program, context);
  addCompletion(program, context);
  program.option("-V, --version", "print the version");
  program.on("option:version", () => {
    terminal.out(`${context.version}\n`);
    throw new CommanderError(EXIT.ok, "commander.version", context.version);
  });
  return program;
}

/** The parser has said what is wrong already, except where an action threw its kind of error. */
function commanderExit({ terminal }: CliContext, error: CommanderError): number {
  if (error.exitCode === EXIT.ok) return EXIT.ok;
  if (error.code === "commander.invalidArgument" && !error.message.startsWith("error:")) {
    terminal.say(`weir: ${error.message}`);
  }
  return EXIT.usage;
}

function inWords(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof MeshError ? ` (${error.code})` : "";
  return `${printable(text)}${code}`;
}
