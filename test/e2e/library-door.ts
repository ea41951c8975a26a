import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { waitUntil } from "../support/wait-until.ts";
import type { ClientAnswer, ClientCommand, ClientReport } from "./library-protocol.ts";
import type { Stage } from "./stage.ts";

const CLIENT_FILE = fileURLToPath(new URL("library-client.ts", import.meta.url));

const START_TIMEOUT_MS = 20_000;

/** The client process of the library's run, as the run talks to it. */
export class LibraryClient {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(stage: Stage, controlPlane: string): Promise<LibraryClient> {
    const { child } = stage.script("client", CLIENT_FILE, [controlPlane]);
    let output = "";
    child.stdout?.on("data", (text) => {
      output += String(text);
    });
    await waitUntil("the client is connected", START_TIMEOUT_MS, () =>
      output.includes("connected"),
    );
    return new LibraryClient(child);
  }

  send(command: ClientCommand): void {
    this.#child.send(command);
  }

  /** Which instances answered since the last call. */
  async names(): Promise<readonly string[]> {
    const answer = await this.#ask({ do: "names" });
    return answer.is === "names" ? answer.names : [];
  }

  async finish(): Promise<ClientReport> {
    const answer = await this.#ask({ do: "finish" });
    if (answer.is !== "report") throw new Error("the client did not report");
    return answer.report;
  }

  #ask(command: ClientCommand): Promise<ClientAnswer> {
    return new Promise((resolve, reject) => {
      const ended = () => reject(new Error("the client ended"));
      this.#child.once("exit", ended);
      this.#child.once("message", (answer: ClientAnswer) => {
        this.#child.off("exit", ended);
        resolve(answer);
      });
      this.#child.send(command);
    });
  }
}
