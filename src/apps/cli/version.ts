import { type Command, Option } from "commander";
import type { CliContext } from "./context.ts";
import { printJson } from "./output.ts";

/** `weir version`: of this program; `weir health` says the control plane's. */
export function addVersion(program: Command, context: CliContext): void {
  program
    .command("version")
    .description("print the version of this program")
    .addOption(
      new Option("-o, --output <format>", "table for people, json for programs")
        .choices(["table", "json"])
        .default("table"),
    )
    .action(({ output }: { readonly output: string }) => {
      const { version, terminal } = context;
      if (output === "json") printJson(context, { version, node: process.version });
      else terminal.out(`weir ${version} (Node ${process.version})\n`);
    });
}
