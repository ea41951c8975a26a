import type { CliContext } from "./context.ts";

/** Programs look at this first; a field may join, none changes or leaves within a version. */
const API_VERSION = "weir/v1";

/** One JSON document for programs. */
export function printJson(context: CliContext, fields: object): void {
  const document = { apiVersion: API_VERSION, ...fields };
  context.terminal.out(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** One line of a stream of JSON documents. */
export function printJsonLine(context: CliContext, fields: object): void {
  context.terminal.out(`${JSON.stringify({ apiVersion: API_VERSION, ...fields })}\n`);
}

/** `1 instance`, `2 instances`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
