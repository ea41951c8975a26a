import type { Argument, Command, Option } from "commander";

/** What may follow an option. `other` is something that no shell can guess. */
export type ValueKind = "none" | "choices" | "file" | "folder" | "other";

export interface OptionModel {
  /** `--output`, `-o`. */
  readonly names: readonly string[];
  readonly description: string;
  readonly value: ValueKind;
  readonly choices: readonly string[];
}

/** One verb, or the program itself. */
export interface VerbModel {
  /** Words that lead to it: `""`, `drain`, `config agent`. */
  readonly path: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionModel[];
  /** What its operands are, in order: only what a control plane knows can be completed. */
  readonly operands: readonly ("service" | "instance" | "other")[];
  /** Of its first operand, when there are only a few. */
  readonly choices: readonly string[];
}

/** The command line as completions need it, from the definitions that parse it. */
export function completionModel(program: Command): VerbModel[] {
  return verbsBelow(program, "");
}

function verbsBelow(command: Command, path: string): VerbModel[] {
  const help = command.createHelp();
  const subcommands = help.visibleCommands(command);
  const below = command.commands.filter((sub) => subcommands.includes(sub));
  const verb: VerbModel = {
    path,
    subcommands: subcommands.map((sub) => ({ name: sub.name(), description: sub.description() })),
    options: help.visibleOptions(command).map(optionModel),
    operands: command.registeredArguments.map(operandOf),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  const nested = below.flatMap((sub) => verbsBelow(sub, `${path} ${sub.name()}`.trim()));
  return [verb, ...nested];
}

function optionModel(option: Option): OptionModel {
  const names = [option.long, option.short].filter((name): name is string => name != null);
  const choices = option.argChoices ?? [];
  return { names, description: option.description, value: valueKind(option), choices };
}

/** Optional values are not expected: `--wait` may stand alone. */
function valueKind({ required, flags, argChoices }: Option): ValueKind {
  if (!required) return "none";
  if (argChoices !== undefined) return "choices";
  if (flags.includes("<file>")) return "file";
  return flags.includes("<folder>") ? "folder" : "other";
}

function operandOf(argument: Argument): VerbModel["operands"][number] {
  const name = argument.name();
  return name === "service" || name === "instance" ? name : "other";
}

/** Each option once, of whichever verbs have it. */
export function allOptions(verbs: readonly VerbModel[]): OptionModel[] {
  const byName = new Map<string, OptionModel>();
  for (const { options } of verbs) {
    for (const option of options) byName.set(option.names[0] ?? "", option);
  }
  return [...byName.values()];
}

export function takesValue({ value }: OptionModel): boolean {
  return value !== "none";
}

export function namesOf(options: readonly OptionModel[]): string[] {
  return options.flatMap(({ names }) => [...names]);
}

/** Whether a control plane is asked for an operand of it. */
export function asksServer({ operands }: VerbModel): boolean {
  return operands.some((operand) => operand !== "other");
}
