import { allOptions, asksServer, namesOf, takesValue, type VerbModel } from "./model.ts";

/** Completion for zsh 5, with the descriptions of verbs and options. */
export function zshCompletion(verbs: readonly VerbModel[]): string {
  const options = allOptions(verbs);
  const ofKind = (kind: string): string =>
    namesOf(options.filter(({ value }) => value === kind)).join("|");
  const choices = options
    .filter(({ value }) => value === "choices")
    .map(
      ({ names, choices }) => `    ${names.join("|")}) compadd -- ${choices.join(" ")}; return ;;`,
    );
  return `#compdef weir
# Completion of weir for zsh. Load it with: source <(weir completion zsh)
_weir() {
  local verb="" cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} i
  local -a list
  for ((i = 2; i < CURRENT; i++)); do
    case \${words[i]} in
      --) _normal; return ;;
      ${namesOf(options.filter(takesValue)).join("|")}) ((i++)) ;;
      -*) ;;
      *)
        case "$verb \${words[i]}" in
          ${verbs.flatMap(({ path, subcommands }) => subcommands.map(({ name }) => `"${path} ${name}"`)).join("|")}) verb="\${verb:+$verb }\${words[i]}" ;;
        esac
        ;;
    esac
  done
  case $prev in
${choices.join("\n")}
    ${ofKind("file")}) _files; return ;;
    ${ofKind("folder")}) _files -/; return ;;
    ${ofKind("other")}) return ;;
  esac
  if [[ $cur == -* ]]; then
    case $verb in
${verbs.map((verb) => `      "${verb.path}") list=(${verb.options.flatMap(({ names, description }) => names.map((name) => item(name, description))).join(" ")}) ;;`).join("\n")}
    esac
    _describe option list
    return
  fi
  case $verb in
${verbs.flatMap(wordsOf).join("\n")}
  esac
}
compdef _weir weir
`;
}

function wordsOf(verb: VerbModel): string[] {
  const { path, subcommands, choices } = verb;
  if (subcommands.length > 0) {
    const list = subcommands.map(({ name, description }) => item(name, description));
    return [`    "${path}") list=(${list.join(" ")}); _describe command list ;;`];
  }
  if (choices.length > 0) return [`    "${path}") compadd -- ${choices.join(" ")} ;;`];
  if (!asksServer(verb)) return [];
  const ask = `compadd -- \${(f)"$(weir __complete -- "\${(@)words[2,CURRENT-1]}" 2>/dev/null)"}`;
  return [`    "${path}") ${ask} ;;`];
}

/** `name:description`, quoted; a colon of its own would end the name. */
function item(name: string, description: string): string {
  return `'${name.replaceAll(":", "\\:")}:${description.replaceAll("'", "'\\''")}'`;
}
