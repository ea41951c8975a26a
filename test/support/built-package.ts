import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { runIn } from "./npm.ts";
import { repositoryFile } from "./text-fences.ts";

/**
 * Builds this package into `folder/node_modules`, so that programs below `folder` import it as
 * `weir-mesh`: quicker than packing and installing, which a test of its own does.
 * @returns where its commands are.
 */
export async function buildPackageInto(folder: string): Promise<string> {
  const modules = join(folder, "node_modules");
  const home = join(modules, "weir-mesh");
  mkdirSync(join(home, "scripts"), { recursive: true });
  await runIn(folder, process.execPath, [repositoryFile("scripts/build.mjs"), join(home, "dist")]);
  for (const path of ["package.json", "scripts/weir.mjs", "scripts/node-version.mjs"]) {
    cpSync(repositoryFile(path), join(home, path));
  }
  const installed = repositoryFile("node_modules");
  symlinkSync(installed, join(home, "node_modules"));
  // The one copy that a package manager would put beside it.
  symlinkSync(join(installed, "@grpc"), join(modules, "@grpc"));
  const commands = join(modules, ".bin");
  mkdirSync(commands);
  symlinkSync(join(home, "scripts", "weir.mjs"), join(commands, "weir"));
  return commands;
}
