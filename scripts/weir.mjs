#!/usr/bin/env node
/**
 * The `weir` command. Installed, it runs the compiled program; in a checkout it runs the sources,
 * with the project's own Node when the one that runs is too old for that. Plain JavaScript that
 * any Node understands, so that an old one gets a sentence instead of a syntax error.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isNodeRecentEnough, NODE_NEEDED } from "./node-version.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "src", "apps", "cli", "main.ts");
const compiled = join(root, "dist", "apps", "cli", "main.js");

function fail(sentence) {
  process.stderr.write(`weir: ${sentence}\n`);
  process.exit(1);
}

/** Runs the sources with the project's own Node, as if it had been called directly. */
function handOver() {
  const node = join(root, "node_modules", ".bin", "node");
  if (!existsSync(node)) setUp();
  const child = spawn(node, [source, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to both of us already; twice would mean "stop at once".
      if (signal === "SIGINT" && process.stdin.isTTY) return;
      child.kill(signal);
    });
  }
  child.on("error", (error) => fail(`cannot start ${node}: ${error.message}`));
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function setUp() {
  const { status } = spawnSync(process.execPath, [join(root, "scripts", "setup.mjs")], {
    stdio: ["ignore", 2, 2],
  });
  if (status !== 0) process.exit(1);
}

if (existsSync(source)) {
  const hasPackages = existsSync(join(root, "node_modules", ".package-lock.json"));
  if (isNodeRecentEnough(process.version) && hasPackages) await import(pathToFileURL(source).href);
  else handOver();
} else if (isNodeRecentEnough(process.version)) {
  await import(pathToFileURL(compiled).href);
} else {
  fail(
    `needs Node ${NODE_NEEDED} or newer, this is ${process.version}: ` +
      "install a newer one, for example with `npm install -g n && n lts`.",
  );
}
