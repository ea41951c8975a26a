import { asksServer, type OptionModel, type VerbModel } from "./model.ts";

/** Completion for fish 3. */
export function fishCompletion(verbs: readonly VerbModel[]): string {
  return `# Completion of weir for fish. Load it with: weir completion fish | source
function __weir_ask
    set -l typed (commandline -opc)
    weir __complete -- $typed[2..-1] 2>/dev/null
end
complete -c weir -f
${verbs.flatMap((verb) => linesOf(verb, verbs)).join("\n")}
`;
}

function linesOf(verb: VerbModel, verbs: readonly VerbModel[]): string[] {
  const when = `complete -c weir -n ${quoted(conditionOf(verb, verbs))}`;
  const subcommands = verb.subcommands.map(
    ({ name, description }) => `${when} -a ${name} -d ${quoted(description)}`,
  );
  const options = verb.options.map((option) => `${when} ${optionOf(option)}`);
  const choices = verb.choices.length === 0 ? [] : [`${when} -a ${quoted(verb.choices.join(" "))}`];
  const asked = asksServer(verb) ? [`${when} -a '(__weir_ask)'`] : [];
  return [...subcommands, ...options, ...choices, ...asked];
}

/** True on the words that lead to the verb, and no further. */
function conditionOf({ path, subcommands }: VerbModel, verbs: readonly VerbModel[]): string {
  const seen = (words: string): string => `__fish_seen_subcommand_from ${words}`;
  if (path === "") return "__fish_use_subcommand";
  const words = path.split(" ");
  const isNot = subcommands.map(({ name }) => name);
  if (words.length === 1) isNot.push(...parentsOf(path, verbs));
  const and = words.map(seen);
  return [...and, ...(isNot.length === 0 ? [] : [`not ${seen(isNot.join(" "))}`])].join("; and ");
}

/** Verbs with a subcommand of that name: `config server` is not `server`. */
function parentsOf(name: string, verbs: readonly VerbModel[]): string[] {
  return verbs
    .filter(({ path, subcommands }) => path !== "" && subcommands.some((sub) => sub.name === name))
    .map(({ path }) => path);
}

function optionOf({ names, description, value, choices }: OptionModel): string {
  const flags = names.map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const after: Readonly<Record<OptionModel["value"], string>> = {
    none: "",
    other: " -x",
    choices: ` -x -a ${quoted(choices.join(" "))}`,
    file: " -r -F",
    folder: " -x -a '(__fish_complete_directories)'",
  };
  return `${flags.join(" ")}${after[value]} -d ${quoted(description)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
