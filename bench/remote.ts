/** A program of the bench in a process of its own, which is told what to do and answers. */
import type { ChildProcess } from "node:child_process";
import { end, startChild } from "./processes.ts";

interface Answered {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** The bench's end. */
export class Remote<Command> {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;

  /** @param file in this folder */
  constructor(file: string) {
    this.#child = startChild(file);
    this.#child.on("message", (message) => this.#answered(message as Answered));
    this.#child.once("exit", (code, signal) => {
      const error = new Error(`${file} ended with ${signal ?? code}`);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @returns what the program's `obey` returned */
  ask<Value>(command: Command): Promise<Value> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#child.send({ id, command });
    return answer.promise as Promise<Value>;
  }

  close(): Promise<void> {
    return end(this.#child);
  }

  #answered({ id, value, error }: Answered): void {
    const answer = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) answer?.resolve(value);
    else answer?.reject(new Error(error));
  }
}

/** The program's end: obeys until the bench ends. */
export function serveRemote<Command>(obey: (command: Command) => Promise<unknown>): void {
  process.on("message", (message) => {
    const { id, command } = message as { readonly id: number; readonly command: Command };
    obey(command).then(
      (value) => process.send?.({ id, value } satisfies Answered),
      (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        process.send?.({ id, error: text } satisfies Answered);
      },
    );
  });
  process.on("disconnect", () => process.exit(0));
}
