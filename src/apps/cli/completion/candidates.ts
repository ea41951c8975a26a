import type { Command, Option } from "commander";
import { NO_METADATA } from "../../../core/model/instance.ts";
import { DEFAULT_NAMESPACE } from "../../../core/model/names.ts";
import type { ControlPlaneApi } from "../../../ports/control-plane-api.ts";
import {
  accessOf,
  type ConnectionOptions,
  namespaceOf,
  serverOf,
  serviceOf,
} from "../connection.ts";
import type { CliContext } from "../context.ts";

/** Whoever presses Tab waits no longer; a control plane on another continent answers within it. */
const ANSWER_WITHIN_MS = 1_000;

/** More are no help at a terminal. */
const MAX_CANDIDATES = 1_000;

/** What was typed, as its verb understands it. */
interface Typed {
  readonly command: Command;
  readonly operands: readonly string[];
  readonly options: ConnectionOptions;
}

/**
 * What may come next on a line, as the control plane knows it: names of services, ids of instances.
 * Nothing when it does not answer at once, and never an error: it would print into the line.
 *
 * @param words behind `weir`, without the one that is completed.
 */
export async function candidates(
  program: Command,
  context: CliContext,
  words: readonly string[],
): Promise<string[]> {
  const typed = read(program, words);
  const wanted = typed.command.registeredArguments[typed.operands.length]?.name();
  if (wanted !== "service" && wanted !== "instance") return [];
  let api: ControlPlaneApi | undefined;
  const ask = async (): Promise<string[]> => {
    const { options } = typed;
    api = await context.connect(serverOf(context, options), accessOf(context, options));
    return wanted === "service" ? services(api, context, options) : instances(api, context, typed);
  };
  let forget: () => void = () => undefined;
  const late = new Promise<string[]>((resolve) => {
    forget = context.clock.after(ANSWER_WITHIN_MS, () => resolve([]));
  });
  try {
    const found = await Promise.race([ask(), late]);
    return found.slice(0, MAX_CANDIDATES);
  } catch {
    return [];
  } finally {
    forget();
    api?.close();
  }
}

async function services(
  api: ControlPlaneApi,
  context: CliContext,
  options: ConnectionOptions,
): Promise<string[]> {
  const asked = namespaceOf(context, options);
  const known = await api.listServices(asked ?? "");
  const own = asked ?? DEFAULT_NAMESPACE;
  return known.map(({ namespace, name }) => (namespace === own ? name : `${namespace}/${name}`));
}

async function instances(
  api: ControlPlaneApi,
  context: CliContext,
  { options, operands }: Typed,
): Promise<string[]> {
  const { namespace, service } = serviceOf(context, options, operands[0] ?? "");
  const listed = await api.listInstances(namespace, service, NO_METADATA);
  return listed.map(({ instance }) => instance.id);
}

/** Reads a line that is not finished: what it does not understand is skipped. */
function read(program: Command, words: readonly string[]): Typed {
  let command = program;
  const operands: string[] = [];
  const options: Record<string, unknown> = { output: "table" };
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    const option = optionOf(command, word);
    const sub = command.commands.find((one) => one.name() === word);
    if (option?.required) {
      const equals = word.indexOf("=");
      options[option.attributeName()] = equals < 0 ? words[++i] : word.slice(equals + 1);
    } else if (option !== undefined) options[option.attributeName()] = true;
    else if (sub !== undefined && operands.length === 0) command = sub;
    else if (!word.startsWith("-")) operands.push(word);
  }
  return { command, operands, options: options as unknown as ConnectionOptions };
}

function optionOf(command: Command, word: string): Option | undefined {
  const name = word.startsWith("--") ? word.split("=", 1)[0] : word;
  return command.options.find(({ long, short }) => name === long || name === short);
}
