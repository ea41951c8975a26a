#!/usr/bin/env node
/**
 * Makes a checkout ready to run: packages, the Node that they need, and with `--test` the programs
 * that tests drive. Runs before `npm start` and `npm test` under whatever Node is there (20 or
 * newer), needs no package itself, and says on stderr what it does. Does nothing when all is there.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isNodeRecentEnough, NODE_NEEDED } from "./node-version.mjs";
import { installTools, missingTools } from "./test-tools.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockFile = join(root, "package-lock.json");
const stampFile = join(root, "node_modules", ".weir-setup");
const localNode = join(root, "node_modules", ".bin", "node");
const localWeir = join(root, "node_modules", ".bin", "weir");

function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}

function run(command, args) {
  // What the command prints goes to stderr: stdout belongs to the program that starts afterwards.
  return spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] }).status === 0;
}

function lockHash() {
  return createHash("sha256").update(readFileSync(lockFile)).digest("hex");
}

/** True when npm's own record of node_modules names the versions of the lock file: somebody ran `npm ci` by hand. */
function isInstalledByHand() {
  try {
    const wanted = JSON.parse(readFileSync(lockFile, "utf8")).packages;
    const present = JSON.parse(
      readFileSync(join(root, "node_modules", ".package-lock.json"), "utf8"),
    ).packages;
    return Object.entries(wanted).every(
      ([path, { version, optional, peer }]) =>
        path === "" || optional || peer || present[path]?.version === version,
    );
  } catch {
    return false;
  }
}

function installPackages() {
  const hash = lockHash();
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === hash) return;
  if (!isInstalledByHand()) {
    say("installing packages (npm ci), about half a minute");
    if (!run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"])) {
      fail("npm ci failed, see above; when it is repaired, start again.");
    }
  }
  writeFileSync(stampFile, hash);
}

function localNodeVersion() {
  if (!existsSync(localNode)) return undefined;
  const answer = spawnSync(localNode, ["-v"], { encoding: "utf8" });
  return answer.status === 0 ? answer.stdout.trim() : undefined;
}

function installNode() {
  if (isNodeRecentEnough(localNodeVersion())) return;
  say(`installing Node ${NODE_NEEDED} or newer for this project only (npm rebuild node)`);
  run("npm", ["rebuild", "node", "--loglevel=error"]);
  if (isNodeRecentEnough(localNodeVersion())) return;
  if (isNodeRecentEnough(process.version)) {
    say(`the project's own Node could not be installed; going on with ${process.version}`);
    return;
  }
  fail(
    `the project's own Node could not be installed, and ${process.version} is too old: ` +
      `install Node ${NODE_NEEDED} or newer and start again.`,
  );
}

/** `npx weir` looks in node_modules/.bin, where npm links every bin but the project's own. */
function linkCommand() {
  if (process.platform === "win32" || existsSync(localWeir)) return;
  try {
    symlinkSync(join("..", "..", "scripts", "weir.mjs"), localWeir);
  } catch (error) {
    say(`cannot link node_modules/.bin/weir (${error.code}); use node scripts/weir.mjs instead`);
  }
}

installPackages();
installNode();
linkCommand();
if (process.argv.includes("--test")) installTools(missingTools(), { say, run });
