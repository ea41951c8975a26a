import { Argument, type Command } from "commander";
import type { CliContext } from "../context.ts";
import { printable } from "../table.ts";
import { bashCompletion } from "./bash.ts";
import { candidates } from "./candidates.ts";
import { fishCompletion } from "./fish.ts";
import { completionModel, type VerbModel } from "./model.ts";
import { zshCompletion } from "./zsh.ts";

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

type Shell = keyof typeof SHELLS;

/** What a shell would take apart in a name that somebody else chose. */
const ONE_WORD = /^[A-Za-z0-9._:@/-]+$/;

/**
 * `weir completion bash|zsh|fish`: a script for the shell, made from the definitions of the verbs; and
 * the hidden verb by which it asks for names.
 */
export function addCompletion(program: Command, context: CliContext): void {
  const { terminal } = context;
  program
    .command("completion")
    .description("print a script that completes commands, options and names in a shell")
    .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(SHELLS)))
    .action((shell: Shell) => {
      const generate: (verbs: readonly VerbModel[]) => string = SHELLS[shell];
      terminal.out(generate(completionModel(program)));
    });
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: readonly string[]) => {
      const names = await candidates(program, context, words);
      for (const name of names) if (ONE_WORD.test(name)) terminal.out(`${printable(name)}\n`);
    });
}
