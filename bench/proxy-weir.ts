/** The sidecar: one `weir agent`, told of the backends by a real control plane. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../test/support/free-port.ts";
import { ask } from "../test/support/http-client.ts";
import { pathOf, startProgram, startWeirServer } from "./processes.ts";
import type { Backend } from "./proxy-backends.ts";
import { HOST, type ProxySubject, type RunningProxy } from "./proxy-subject.ts";

const SERVICE = HOST.slice(0, HOST.indexOf("."));

export const weirSidecar: ProxySubject = { name: "weir", start };

async function start(backends: readonly Backend[]): Promise<RunningProxy> {
  const server = await startWeirServer();
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const directory = mkdtempSync(join(tmpdir(), "weir-bench-agent-"));
  const config = join(directory, "agent.yaml");
  writeFileSync(config, configuration(backends, server.address, address, admin, directory));
  const command = [
    process.execPath,
    pathOf("../src/apps/cli/main.ts"),
    "agent",
    "--config",
    config,
  ];
  const agent = await startProgram("the agent", command, address, async () => {
    const answer = await ask({ port: Number(address.split(":")[1]) }, { headers: { host: HOST } });
    return answer.status === 200;
  });
  return {
    address,
    pid: agent.pid,
    async stop() {
      await agent.stop();
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** JSON is YAML. The agent registers the backends itself: they stay registered as long as it runs. */
function configuration(
  backends: readonly Backend[],
  controlPlane: string,
  listen: string,
  admin: string,
  directory: string,
): string {
  return JSON.stringify({
    id: "bench",
    controlPlane: [controlPlane],
    listen,
    admin,
    stateDir: join(directory, "state"),
    instances: backends.map((backend, index) => ({
      service: SERVICE,
      id: `backend-${index}`,
      port: Number(backend.split(":")[1]),
    })),
  });
}
