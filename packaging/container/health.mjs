/**
 * The image's health check. One image runs the server and the agent, on whatever ports: this asks
 * the one that runs, at the address that it was told, with `weir health`. Where that cannot be known
 * from its flags, as with a certificate for another name, WEIR_HEALTH holds the arguments:
 * `--server weir.example:7400 --ca /etc/weir/ca.pem`.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** What process 1 was started as; an init in front of it is skipped. */
const words = readFileSync("/proc/1/cmdline", "utf8").split("\0");
const role = words.find((word) => ["server", "agent", "dev"].includes(word)) ?? "server";

function setting(flag, variable, fallback) {
  const at = words.findIndex((word) => word === flag || word.startsWith(`${flag}=`));
  const typed = words[at]?.includes("=") ? words[at].slice(flag.length + 1) : words[at + 1];
  const address = (at === -1 ? process.env[variable] : typed) || fallback;
  // Listening on every address includes this one.
  return address.replace(/^(0\.0\.0\.0|\[::\]):/, "127.0.0.1:");
}

const asks = {
  server: () => ["--server", setting("--listen", "WEIR_LISTEN", "127.0.0.1:7400")],
  agent: () => ["--agent", setting("--admin", "WEIR_ADMIN", "127.0.0.1:15000")],
  dev: () => ["--server", setting("--server-listen", "WEIR_SERVER_LISTEN", "127.0.0.1:7400")],
};

const main = new URL("dist/apps/cli/main.js", import.meta.url).pathname;
const said = process.env.WEIR_HEALTH?.trim();
const args = said ? said.split(/\s+/) : asks[role]();
const { status } = spawnSync(process.execPath, [main, "health", ...args], { stdio: "inherit" });
process.exitCode = status === 0 ? 0 : 1;
