/** Runs one command of a check and keeps what it printed, to show it only when it failed. */
import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The project's own Node and tools come first, also when a script is called without npm. */
export const environment = {
  ...process.env,
  PATH: [join(root, "node_modules", ".bin"), process.env.PATH ?? ""].join(delimiter),
};

/**
 * `onOutput` sees standard output as it comes, for a command whose progress a person wants to watch.
 * @returns its exit code (1 when it could not start or was killed), standard output, and both streams together.
 */
export function runCommand(command, args, { onOutput, env = environment } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let everything = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      everything += text;
      onOutput?.(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      everything += text;
      onOutput?.(text);
    });
    child.on("error", (error) => {
      resolve({ code: 1, stdout, everything: `cannot start ${command}: ${error.message}\n` });
    });
    child.on("close", (code) => resolve({ code: code ?? 1, stdout, everything }));
  });
}

/** `12 passed, 0 failed, 1 skipped`, as the tests' reporter prints it last; `undefined` when they did not get there. */
export function readCounts(output) {
  const matches = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)];
  const last = matches.at(-1);
  if (last === undefined) return undefined;
  const [passed = 0, failed = 0, skipped = 0] = last.slice(1).map(Number);
  return { passed, failed, skipped };
}
