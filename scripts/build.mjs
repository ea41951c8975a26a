/**
 * `npm run build [FOLDER]`: the program as plain JavaScript with declarations and source maps, in
 * `dist` when no folder is said. Built beside it and moved there at the end, so that a build that
 * fails leaves the former one as it was, and nothing of a former one stays behind.
 */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { root, runCommand } from "./run-step.mjs";

/** What the program reads at run time and the compiler does not copy. */
const ASSETS = ["gen/weir.binpb"];

/**
 * The compiler writes `.js` into the code that it emits, and leaves `.ts` in declarations, where
 * no file of that name stands in the package. Most versions of TypeScript look again for `.d.ts`;
 * `.js` is what all of them, and every other reader of declarations, understand.
 */
const TYPESCRIPT_SPECIFIER = /((?:from|import)\s*\(?\s*")(\.{1,2}\/[^"]+)\.ts(")/g;

function rewriteDeclarations(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const path = join(folder, name);
    const text = readFileSync(path, "utf8");
    const rewritten = text.replace(TYPESCRIPT_SPECIFIER, "$1$2.js$3");
    if (rewritten !== text) writeFileSync(path, rewritten);
  }
}

async function build(target) {
  const fresh = `${target}.${process.pid}.new`;
  const former = `${target}.${process.pid}.old`;
  try {
    const compile = ["-p", "tsconfig.build.json", "--outDir", fresh];
    const { code, everything } = await runCommand("tsc", compile);
    if (code !== 0) {
      process.stderr.write(everything);
      return code;
    }
    rewriteDeclarations(fresh);
    for (const asset of ASSETS) {
      mkdirSync(dirname(join(fresh, asset)), { recursive: true });
      cpSync(join(root, "src", asset), join(fresh, asset));
    }
    moveAway(target, former);
    renameSync(fresh, target);
    return 0;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(former, { recursive: true, force: true });
  }
}

function moveAway(target, former) {
  try {
    renameSync(target, former);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
}

process.exitCode = await build(resolve(root, process.argv[2] ?? "dist"));
