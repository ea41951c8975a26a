/** HAProxy with one thread, because each of the others has one too. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../test/support/free-port.ts";
import { startProgram } from "./processes.ts";
import type { Backend } from "./proxy-backends.ts";
import type { ProxySubject, RunningProxy } from "./proxy-subject.ts";

const BINARIES = ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy", "/opt/homebrew/bin/haproxy"];

export const haproxy: ProxySubject = { name: "haproxy", start };

async function start(backends: readonly Backend[]): Promise<RunningProxy> {
  const binary = BINARIES.find((path) => existsSync(path));
  if (binary === undefined)
    throw new Error("haproxy is not installed; try: apt-get install haproxy");
  const address = `127.0.0.1:${await freePort()}`;
  const directory = mkdtempSync(join(tmpdir(), "weir-bench-haproxy-"));
  const config = join(directory, "haproxy.cfg");
  writeFileSync(config, configuration(backends, address));
  const proxy = await startProgram("haproxy", [binary, "-db", "-q", "-f", config], address);
  return {
    ...proxy,
    async stop() {
      await proxy.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function configuration(backends: readonly Backend[], address: string): string {
  const servers = backends.map((backend, index) => `  server backend-${index} ${backend}`);
  return `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 1s
  timeout client 1m
  timeout server 1m
  http-reuse always
frontend in
  bind ${address}
  default_backend out
backend out
  balance roundrobin
${servers.join("\n")}
`;
}
