/** The client processes of the register bench, told what to do together. */
import type { ChildProcess } from "node:child_process";
import { end, startChild } from "./processes.ts";
import type { RegisterAnswer, RegisterCommand, Span, Work } from "./register-protocol.ts";

type CommandBody = RegisterCommand extends infer C
  ? C extends unknown
    ? Omit<C, "id">
    : never
  : never;

/** Enough that the server is the one that is busy, with a core left for it. */
const CLIENTS = 3;

export class RegisterFleet {
  readonly #children: readonly ChildProcess[];
  #lastId = 0;

  constructor() {
    this.#children = Array.from({ length: CLIENTS }, () => startChild("register-client.ts"));
  }

  get size(): number {
    return this.#children.length;
  }

  /** Each client prepares its share of the instances, then all send at once. */
  async run(work: Work): Promise<Span> {
    const share = Math.ceil(work.count / this.size);
    await Promise.all(
      this.#children.map((child, i) => {
        const from = Math.min(i * share, work.count);
        const count = Math.min(share, work.count - from);
        return ask(child, ++this.#lastId, {
          type: "prepare",
          work: { ...work, first: work.first + from, count },
        });
      }),
    );
    return this.#all({ type: "run" });
  }

  /** Beats on every session that `run` opened. */
  beat(address: string, ms: number): Promise<Span> {
    return this.#all({ type: "beat", address, ms });
  }

  async close(): Promise<void> {
    await Promise.all(this.#children.map(end));
  }

  async #all(command: CommandBody): Promise<Span> {
    const spans = await Promise.all(
      this.#children.map((child) => ask(child, ++this.#lastId, command)),
    );
    return spans.reduce<Span>(
      (all, span) => ({
        startedAtMs: Math.min(all.startedAtMs, span?.startedAtMs ?? Number.POSITIVE_INFINITY),
        endedAtMs: Math.max(all.endedAtMs, span?.endedAtMs ?? 0),
        count: all.count + (span?.count ?? 0),
      }),
      { startedAtMs: Number.POSITIVE_INFINITY, endedAtMs: 0, count: 0 },
    );
  }
}

function ask(child: ChildProcess, id: number, command: CommandBody): Promise<Span | undefined> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`a client process ended with ${code}`));
    const onMessage = (message: unknown): void => {
      const answer = message as RegisterAnswer;
      if (answer.id !== id) return;
      child.off("message", onMessage);
      child.off("exit", onExit);
      if (answer.error === undefined) resolve(answer.span);
      else reject(new Error(answer.error));
    };
    child.on("message", onMessage);
    child.once("exit", onExit);
    child.send({ ...command, id });
  });
}
