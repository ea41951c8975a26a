/** The programs that tests drive and that npm cannot install. */
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/**
 * nginx: an HTTP server that this project did not write. wrk: steady load. openssl: certificates of
 * every kind. python3: the services of docs/joining.md. nats-server: the bus between replicas.
 */
const TOOLS = ["nginx", "wrk", "openssl", "python3", "nats-server"];

/** Where Debian keeps servers, which is not in every user's PATH. */
const EXTRA_DIRECTORIES = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"];

/** There while Debian's own nginx service runs. */
const NGINX_PID_FILE = "/run/nginx.pid";

/** There where systemd is the init system. */
const SYSTEMD_RUNS = "/run/systemd/system";

function isInstalled(tool) {
  const directories = [...(process.env.PATH ?? "").split(delimiter), ...EXTRA_DIRECTORIES];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, tool), constants.X_OK);
      return directory !== "";
    } catch {
      return false;
    }
  });
}

export function missingTools() {
  return TOOLS.filter((tool) => !isInstalled(tool));
}

/** What a person types to install `tools`. */
export function installCommand(tools) {
  return process.platform === "darwin"
    ? `brew install ${tools.join(" ")}`
    : `sudo apt-get install -y --no-install-recommends ${tools.join(" ")}`;
}

/**
 * Installs `tools` where that needs no question: as root on Debian or its children. Elsewhere says
 * what to type; tests that need the tool are then skipped and counted.
 */
export function installTools(tools, { say, run }) {
  if (tools.length === 0) return;
  const wasRunning = existsSync(NGINX_PID_FILE);
  const isAllowed = process.getuid?.() === 0 && existsSync("/etc/debian_version");
  if (isAllowed) {
    say(`installing ${tools.join(" and ")} for the tests (apt-get)`);
    if (aptInstall(tools, run) || aptUpdateAndInstall(tools, run)) {
      // Belt and braces: a web server that nobody asked for must not stay behind on port 80.
      if (!wasRunning && existsSync(NGINX_PID_FILE)) run("nginx", ["-s", "stop"]);
      // systemd does not look at RUNLEVEL; and at the next boot nobody asked for it either.
      if (tools.includes("nats-server") && existsSync(SYSTEMD_RUNS)) {
        run("systemctl", ["disable", "--now", "--quiet", "nats-server"]);
      }
      return;
    }
  }
  say(
    `tests that need ${tools.join(" or ")} will be skipped; to run them: ${installCommand(tools)}`,
  );
}

function aptUpdateAndInstall(tools, run) {
  return run("apt-get", ["-qq", "update"]) && aptInstall(tools, run);
}

function aptInstall(tools, run) {
  // RUNLEVEL=1 (single user) keeps the packages' scripts from starting a service of theirs.
  const quiet = ["DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"];
  const apt = ["apt-get", "-qq", "-y", "--no-install-recommends", "install"];
  return run("env", [...quiet, ...apt, ...tools]);
}
