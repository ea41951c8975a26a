import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Nginx, type NginxOptions, startNginx } from "../support/nginx.ts";
import type { Run } from "./scale.ts";

const WEIR = fileURLToPath(new URL("../../src/apps/cli/main.ts", import.meta.url));

/** A program asked to end gets as long as its own graceful end may take, then SIGKILL. */
const STOP_TIMEOUT_MS = 15_000;

/** How much of each log a failure quotes. */
const QUOTED_LINES = 12;

/** Of each line: enough for what happened, not for every frame of a stack. */
const QUOTED_CHARACTERS = 400;

/** A running `weir` process. */
export interface Program {
  readonly name: string;
  readonly pid: number;
  /** What it wrote on stdout and stderr. */
  readonly logPath: string;
  /** Exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  signal(signal: ProgramSignal): void;
}

/** `SIGSTOP` freezes a program and `SIGCONT` wakes it. */
export type ProgramSignal = "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT";

/** Everything that a run starts, so that all of it ends with the run, by pid, also when the run fails. */
export class Stage {
  readonly directory: string;
  readonly #programs = new Map<number, Program>();
  readonly #closers: (() => Promise<unknown> | undefined)[] = [];
  readonly #say: (line: string) => void;
  readonly #startedAt = performance.now();

  private constructor(directory: string, say: (line: string) => void) {
    this.directory = directory;
    this.#say = say;
  }

  /**
   * Runs `body`, then ends what it started. When it fails or falls short, the logs stay, and their directory is named.
   * @param say gets one line per step, for people.
   */
  static async run(
    say: (line: string) => void,
    body: (stage: Stage) => Promise<Run>,
  ): Promise<Run> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), "weir-e2e-")), say);
    const onExit = (): void => stage.#killAll();
    process.on("exit", onExit);
    try {
      const result = await body(stage);
      await stage.#close();
      if (result.shortfalls.length > 0) say(`logs and state: ${stage.directory}`);
      else await rm(stage.directory, { recursive: true, force: true });
      return result;
    } catch (error) {
      const logs = await stage.#quoteLogs();
      await stage
        .#close()
        .catch((cause: unknown) => say(`could not end everything: ${String(cause)}`));
      throw new Error(`${String(error)}\nLogs and state: ${stage.directory}\n${logs}`, {
        cause: error,
      });
    } finally {
      process.off("exit", onExit);
    }
  }

  note(line: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1);
    this.#say(`${seconds.padStart(6)} s  ${line}`);
  }

  /** Something to end with the run; what was opened last ends first. */
  onClose(close: () => Promise<unknown> | undefined): void {
    this.#closers.push(close);
  }

  async nginx(options: NginxOptions): Promise<Nginx> {
    const nginx = await startNginx(options);
    this.onClose(() => nginx.kill());
    return nginx;
  }

  /** Starts `weir ARGS`; its output goes to `NAME.log`. @param within see `script`. */
  weir(name: string, args: readonly string[], within: readonly string[] = []): Program {
    return this.script(name, WEIR, args, within);
  }

  /**
   * Starts a program of Node, which may talk over `child`'s channel; its output goes to `NAME.log`.
   * @param within a command that runs it elsewhere, for example in a network namespace.
   */
  script(
    name: string,
    path: string,
    args: readonly string[],
    within: readonly string[] = [],
  ): Program & { readonly child: ChildProcess } {
    const logPath = join(this.directory, `${name}.log`);
    const log = createWriteStream(logPath, { flags: "a" });
    const command = [...within, process.execPath, path, ...args];
    const child = spawn(command[0] ?? process.execPath, command.slice(1), {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const pid = child.pid ?? 0;
    const exited = new Promise<number | string>((resolve) => {
      child.once("close", (code, signal) => {
        this.#programs.delete(pid);
        log.end(`(ended with ${signal ?? code})\n`);
        resolve(signal ?? code ?? "unknown");
      });
    });
    const program = {
      name,
      child,
      pid,
      logPath,
      exited,
      signal: (signal: ProgramSignal) => void child.kill(signal),
    };
    this.#programs.set(pid, program);
    return program;
  }

  /**
   * Runs `weir ARGS` to its end. `onOutput` sees stdout as it grows, before the process has ended.
   */
  async command(
    args: readonly string[],
    onOutput: (stdout: string) => void = () => undefined,
  ): Promise<{ exit: number | string; stdout: string; stderr: string }> {
    const child = spawn(process.execPath, [WEIR, ...args], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      onOutput(stdout);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const exit = await new Promise<number | string>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(signal ?? code ?? "unknown"));
    });
    return { exit, stdout, stderr };
  }

  async #close(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    const programs = [...this.#programs.values()];
    for (const program of programs) program.signal("SIGTERM");
    const patience = setTimeout(() => this.#killAll(), STOP_TIMEOUT_MS);
    await Promise.all(programs.map((program) => program.exited));
    clearTimeout(patience);
  }

  #killAll(): void {
    for (const program of this.#programs.values()) program.signal("SIGKILL");
  }

  async #quoteLogs(): Promise<string> {
    const quotes = [...this.#programs.values()].map(async ({ name, logPath }) => {
      const lines = (await readFile(logPath, "utf8").catch(() => "")).trimEnd().split("\n");
      const quoted = lines.slice(-QUOTED_LINES).map((line) => line.slice(0, QUOTED_CHARACTERS));
      return `--- ${name}\n${quoted.join("\n")}`;
    });
    return (await Promise.all(quotes)).join("\n");
  }
}
