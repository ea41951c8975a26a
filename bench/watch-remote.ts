import type { ChildProcess } from "node:child_process";
import { end, startChild } from "./processes.ts";
import type { ClientAnswer, ClientCommand, ClientOptions, RoundTimes } from "./watch-protocol.ts";

type CommandBody = ClientCommand extends infer C
  ? C extends unknown
    ? Omit<C, "id">
    : never
  : never;

/** A client process with its watchers, as the bench sees it. */
export class RemoteClient {
  readonly #child: ChildProcess;
  #lastId = 0;

  private constructor() {
    this.#child = startChild("watch-client.ts");
    this.#child.setMaxListeners(0);
  }

  static async open(options: ClientOptions): Promise<RemoteClient> {
    const client = new RemoteClient();
    await client.#ask({ type: "open", options });
    return client;
  }

  async prepare(message: string): Promise<void> {
    await this.#ask({ type: "prepare", message });
  }

  async round(): Promise<{ times: RoundTimes; message: string }> {
    const { times, message } = await this.#ask({ type: "round" });
    if (times === undefined || message === undefined) throw new Error("a round without times");
    return { times, message };
  }

  close(): Promise<void> {
    return end(this.#child);
  }

  #ask(command: CommandBody): Promise<ClientAnswer> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void =>
        reject(new Error(`the client process ended with ${code}`));
      const onMessage = (message: unknown): void => {
        const answer = message as ClientAnswer;
        if (answer.id !== id) return;
        this.#child.off("message", onMessage);
        this.#child.off("exit", onExit);
        if (answer.error === undefined) resolve(answer);
        else reject(new Error(answer.error));
      };
      this.#child.on("message", onMessage);
      this.#child.once("exit", onExit);
      this.#child.send({ ...command, id });
    });
  }
}
