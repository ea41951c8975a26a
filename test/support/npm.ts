import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** npm hands these to its scripts; another npm below would believe that they are its own. */
const OF_THE_OUTER_NPM =
  /^(npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|INIT_CWD)/;

/** The environment of a person at a terminal, with the Node that runs this test. */
export function terminalEnvironment(more: Record<string, string> = {}): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !OF_THE_OUTER_NPM.test(entry[0]),
  );
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
  return { ...Object.fromEntries(inherited), PATH, ...more };
}

/** Runs a program to its end. @returns standard output. @throws Error with both streams. */
export async function runIn(
  cwd: string,
  command: string,
  args: readonly string[],
  env = terminalEnvironment(),
): Promise<string> {
  try {
    const { stdout } = await run(command, args, { cwd, env, encoding: "utf8" });
    return stdout;
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout: string; readonly stderr: string };
    throw new Error(`${command} ${args.join(" ")} failed\n${stdout}${stderr}`, { cause: error });
  }
}
