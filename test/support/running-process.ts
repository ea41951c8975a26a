import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";

/** Generous for a busy machine; only ends the wait for a line that never comes. */
const LINE_TIMEOUT_MS = 20_000;

/** A process of a test, with what it has printed so far. */
export class RunningProcess {
  readonly child: ChildProcess;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  stdout = "";
  stderr = "";
  readonly #isGroup: boolean;

  /** @param options `detached` makes it a process group, which signals then reach as a whole. */
  constructor(command: string, args: readonly string[], options: SpawnOptions) {
    this.#isGroup = options.detached === true;
    this.child = spawn(command, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.exited = new Promise((resolve) => {
      this.child.once("error", (error) => resolve(error.message));
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
    const { pid, exitCode, signalCode } = this.child;
    const isAlive = pid !== undefined && exitCode === null && signalCode === null;
    if (this.#isGroup && isAlive) process.kill(-pid, signal);
    else this.child.kill(signal);
    return await this.exited;
  }
}
