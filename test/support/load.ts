import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type {
  LoadAnswer,
  LoadCommand,
  LoadOptions,
  LoadReport,
  TargetMode,
} from "./load-protocol.ts";

/** A steady stream of requests from a process of its own, so that nothing else delays its clock. */
export class Load {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (report: LoadReport) => void>();
  #exit: string | undefined;
  #lastId = 0;

  constructor(options: LoadOptions) {
    this.#child = fork(fileURLToPath(new URL("load-worker.ts", import.meta.url)), {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.#child.on("message", (message) => {
      const answer = message as LoadAnswer;
      this.#waiting.get(answer.id)?.(answer.report);
      this.#waiting.delete(answer.id);
    });
    this.#child.once("exit", (code, signal) => {
      this.#exit = `the load generator ended with ${signal ?? code}`;
    });
    this.#send({ type: "start", options });
  }

  setMode(target: string, mode: TargetMode): void {
    this.#send({ type: "mode", target, mode });
  }

  /** What happened so far. */
  report(): Promise<LoadReport> {
    return this.#ask("report");
  }

  /** Sends nothing more, waits for what is in flight, and ends the process. */
  async finish(): Promise<LoadReport> {
    const report = await this.#ask("finish");
    this.stop();
    return report;
  }

  /** Ends the process at once. */
  stop(): void {
    this.#child.kill("SIGKILL");
  }

  #ask(type: "report" | "finish"): Promise<LoadReport> {
    if (this.#exit !== undefined) return Promise.reject(new Error(this.#exit));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error(this.#exit));
      this.#child.once("exit", onExit);
      this.#waiting.set(id, (report) => {
        this.#child.off("exit", onExit);
        resolve(report);
      });
      this.#send({ type, id });
    });
  }

  #send(command: LoadCommand): void {
    if (this.#exit === undefined) this.#child.send(command);
  }
}
