import { allOptions, asksServer, namesOf, takesValue, type VerbModel } from "./model.ts";

/**
 * Completion for bash 4 and newer, without the bash-completion package. It splits the line itself:
 * bash takes the colon of an address for the end of a word.
 */
export function bashCompletion(verbs: readonly VerbModel[]): string {
  const options = allOptions(verbs);
  const ofKind = (kind: string): string[] => namesOf(options.filter(({ value }) => value === kind));
  const choices = options
    .filter(({ value }) => value === "choices")
    .map((option) => branch(option.names, `reply="${option.choices.join(" ")}"`));
  return `# Completion of weir for bash. Load it with: source <(weir completion bash)
_weir() {
  local line=\${COMP_LINE:0:COMP_POINT} verb="" reply="" words i
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  local last=$((\${#words[@]} - 1))
  local cur=\${words[last]} prev=\${words[last - 1]}
  for ((i = 1; i < last; i++)); do
    case \${words[i]} in
      --) return ;;
      ${namesOf(options.filter(takesValue)).join("|")}) ((i++)) ;;
      -*) ;;
      *)
        case "$verb \${words[i]}" in
          ${knownPaths(verbs).join("|")}) verb="\${verb:+$verb }\${words[i]}" ;;
        esac
        ;;
    esac
  done
  case $prev in
${choices.join("\n")}
${branch(ofKind("file"), 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur")); return')}
${branch(ofKind("folder"), 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur")); return')}
${branch(ofKind("other"), "return")}
    *)
      if [[ $cur == -* ]]; then
        case $verb in
${verbs.map((verb) => `    ${branch([`"${verb.path}"`], `reply="${namesOf(verb.options).join(" ")}"`)}`).join("\n")}
        esac
      else
        case $verb in
${verbs.flatMap(wordsOf).join("\n")}
        esac
      fi
      ;;
  esac
  COMPREPLY=($(compgen -W "$reply" -- "$cur"))
  # Bash replaces only what stands behind the last colon.
  if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
    COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
  fi
}
complete -o default -F _weir weir
`;
}

function branch(patterns: readonly string[], body: string): string {
  return `    ${patterns.join("|")}) ${body} ;;`;
}

/** As the loop sees them: the way to a verb, a space, and its name. */
function knownPaths(verbs: readonly VerbModel[]): string[] {
  return verbs.flatMap(({ path, subcommands }) =>
    subcommands.map(({ name }) => `"${path} ${name}"`),
  );
}

function wordsOf(verb: VerbModel): string[] {
  const words = [...verb.subcommands.map(({ name }) => name), ...verb.choices];
  if (words.length > 0) return [`    ${branch([`"${verb.path}"`], `reply="${words.join(" ")}"`)}`];
  if (!asksServer(verb)) return [];
  const ask = `reply=$(weir __complete -- "\${words[@]:1:last - 1}" 2>/dev/null)`;
  return [`    ${branch([`"${verb.path}"`], ask)}`];
}
