import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/apps/cli/main.ts", import.meta.url));

/** Generous for a busy machine; only ends the wait for a line that never comes. */
const LINE_TIMEOUT_MS = 20_000;

/** A `weir` process of a test, with what it has printed so far. */
export class WeirProcess {
  readonly child: ChildProcess;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  stdout = "";
  stderr = "";

  /** @param script another way to start it, for example `scripts/weir.mjs`. */
  constructor(
    args: readonly string[],
    {
      env = {},
      cwd,
      script = MAIN,
    }: { env?: Record<string, string>; cwd?: string; script?: string } = {},
  ) {
    this.child = spawn(process.execPath, [script, ...args], {
      ...(cwd === undefined ? {} : { cwd }),
      env: { PATH: process.env["PATH"], ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve) => {
      this.child.once("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
    });
  }

  /** Resolves with the match once standard output or error has it. Rejects when the process ends before. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new Error(`${pattern} was not printed: ${why}\n${this.stdout}${this.stderr}`));
      const timer = setTimeout(() => fail("it took too long"), LINE_TIMEOUT_MS);
      const look = (): void => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (match === null) return;
        clearTimeout(timer);
        resolve(match);
      };
      this.child.stdout?.on("data", look);
      this.child.stderr?.on("data", look);
      this.exited.then((code) => {
        look();
        clearTimeout(timer);
        fail(`the process ended with ${code}`);
      }, reject);
      look();
    });
  }

  /** Sends a signal and waits for the end. */
  async end(signal: "SIGTERM" | "SIGINT" | "SIGKILL" = "SIGTERM"): Promise<number | string> {
    this.child.kill(signal);
    return await this.exited;
  }
}
