import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DiscoveryServiceClient, type ResolveResponse } from "../../src/gen/weir/v1/discovery.ts";
import { connectForTest } from "../support/grpc-test-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Policies as operators use them: real processes, and a server that restarts. */
const ANY_PORT = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--settle-after", "0s"];

interface Stage {
  readonly folder: string;
  /** Address of the server that was started last. */
  server(): string;
  start(...flags: string[]): Promise<WeirProcess>;
  run(...args: string[]): Promise<{ exit: number | string; weir: WeirProcess }>;
}

function stage(): Stage {
  const folder = scratchFolder();
  let address = "";
  const started: WeirProcess[] = [];
  const weir = (...args: string[]): WeirProcess => {
    const child = new WeirProcess(args, { cwd: folder, env: { WEIR_SERVER: address } });
    started.push(child);
    return child;
  };
  onTestFinished(async () => {
    for (const child of started) await child.end("SIGKILL");
  });
  return {
    folder,
    server: () => address,
    async start(...flags) {
      const server = weir("server", ...ANY_PORT, ...flags);
      [, address = ""] = await server.line(/gRPC API +(\S+)/);
      return server;
    },
    async run(...args) {
      const child = weir(...args);
      return { exit: await child.exited, weir: child };
    },
  };
}

test("a policy is applied, changed with an etag, survives a restart and rolls back", async () => {
  const { folder, start, run } = stage();
  const server = await start("--state-dir", "state");
  writeFileSync(join(folder, "p.yaml"), "service: orders\nbalancing: random\n");
  expect((await run("policy", "apply", "-f", "p.yaml")).exit).toBe(0);
  const got = await run("policy", "get", "orders", "-o", "json");
  const first = JSON.parse(got.weir.stdout);
  expect(first).toMatchObject({ service: "orders", balancing: "random", revision: 1 });

  writeFileSync(join(folder, "p.yaml"), "service: orders\nbalancing: peak_ewma\n");
  expect((await run("policy", "apply", "-f", "p.yaml", "--etag", first.etag)).exit).toBe(0);
  const late = await run("policy", "apply", "-f", "p.yaml", "--etag", first.etag);
  // What it wants holds already, but not as the caller read it.
  expect(late.exit).toBe(6);
  expect(late.weir.stderr).toContain("ETAG_MISMATCH");

  await server.end("SIGTERM");
  await start("--state-dir", "state");
  expect((await run("policy", "rollback", "orders", "1")).exit).toBe(0);
  const history = await run("policy", "history", "orders", "-o", "json");
  expect(JSON.parse(history.weir.stdout).revisions).toMatchObject([
    { revision: 3, balancing: "random" },
    { revision: 2, balancing: "peak_ewma" },
    { revision: 1, balancing: "random" },
  ]);
  expect((await run("policy", "delete", "orders")).exit).toBe(0);
  expect((await run("policy", "get", "orders")).exit).toBe(3);
});

test("agents of the service are told; a policy moves to another server by import", async () => {
  const { folder, server, start, run } = stage();
  const first = await start("--state-dir", "one");
  writeFileSync(join(folder, "p.yaml"), "service: orders\nbalancing: source_hash\n");
  await run("policy", "apply", "-f", "p.yaml");
  await first.end("SIGTERM");

  await start();
  const imported = await run("policy", "import", "one/policies");
  expect(imported.weir.stdout).toContain("imported 1 policy");
  expect(imported.weir.stderr).toContain("--state-dir");
  expect((await run("register", "orders", "127.0.0.1:8081", "--once")).exit).toBe(0);
  const client = connectForTest(DiscoveryServiceClient, server());
  const resolved = await new Promise<ResolveResponse>((resolve, reject) => {
    const request = { namespace: "", service: "orders", metadata: new Map() };
    client.resolve(request, (error, response) => (error ? reject(error) : resolve(response)));
  });
  expect(resolved.service?.defaults?.policy).toBe("source_hash");
});

test("a dry run changes nothing, and a bad policy is named by its field", async () => {
  const { folder, start, run } = stage();
  await start();
  writeFileSync(join(folder, "p.yaml"), "service: orders\nbalancing: random\n");
  expect((await run("policy", "apply", "-f", "p.yaml", "--dry-run")).exit).toBe(0);
  expect((await run("policy", "get", "orders")).exit).toBe(3);
  const bad = await run("policy", "delete", "Bad_Name");
  expect(bad.exit).toBe(2);
  expect(bad.weir.stderr).toContain("service");
});
