import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { ask } from "../support/http-client.ts";
import { findNatsServer, NatsServerProcess } from "../support/nats-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { byteByByte } from "../support/slow-relay.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 25_000;

const ANY = "127.0.0.1:0";

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

function weir(...args: string[]): WeirProcess {
  const process = new WeirProcess(args, { env: { WEIR_LOG_LEVEL: "warn" } });
  onTestFinished(async () => {
    await process.end("SIGKILL");
  });
  return process;
}

async function aReplica(id: string, natsPort: number): Promise<string> {
  const nats = `nats://127.0.0.1:${natsPort}`;
  const ports = ["--listen", ANY, "--admin", ANY, "--settle-after", "1s"];
  const server = weir("server", ...ports, "--replica-id", id, "--nats", nats);
  const [, address = ""] = await server.line(/gRPC API +(\S+)/);
  return address;
}

test.skipIf(findNatsServer() === undefined)(
  "byte by byte an agent registers, watches and relays, and replicas agree",
  async () => {
    const nats = await NatsServerProcess.start();
    onTestFinished(() => nats.stop());
    const one = await aReplica("one", nats.port);
    const two = await aReplica("two", await byteByByte(nats.port));
    const application = createServer((_, response) => response.end("served"));
    await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", () => resolve()));
    onTestFinished(() => void application.close());
    const { port } = application.address() as AddressInfo;
    const state = ["--state-dir", scratchFolder(), "--listen", ANY, "--admin", ANY];
    const slowly = `127.0.0.1:${await byteByByte(portOf(two))}`;
    weir("agent", ...state, "--control-plane", slowly, "--service", "orders", "--port", `${port}`);
    const far = ["--state-dir", scratchFolder(), "--listen", ANY, "--admin", ANY];
    const other = weir("agent", ...far, "--control-plane", one);
    const [, proxy = ""] = await other.line(/requests to services +(\S+)/);
    const answer = await waitUntil("a request is served", LIMIT_MS, async () => {
      const { status, body } = await ask({ port: portOf(proxy) });
      return status === 200 && body;
    });
    expect(answer).toBe("served");
  },
  60_000,
);
