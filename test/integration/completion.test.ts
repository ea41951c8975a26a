import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import type { RegistrationId } from "../../src/core/model/names.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { anInstance } from "../support/builders.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Completion by the shells themselves. */
const MAIN = fileURLToPath(new URL("../../src/apps/cli/main.ts", import.meta.url));

const run = promisify(execFile);

let folder: string;
let server: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  const flags = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s" };
  const running = await runServer(serverConfigFrom({ flags, env: {} }).settings, "0.1.0");
  stop = () => running.stop();
  server = running.grpcAddress;
  await registerAll();
  folder = mkdtempSync(join(tmpdir(), "weir-completion-"));
  mkdirSync(join(folder, "bin"));
  const script = `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`;
  writeFileSync(join(folder, "bin/weir"), script, { mode: 0o755 });
  mkdirSync(join(folder, "settings"));
  writeFileSync(join(folder, "settings/agent.yaml"), "");
  symlinkSync("settings", join(folder, "setup"));
});

afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
  vi.unstubAllEnvs();
});

async function registerAll(): Promise<void> {
  const api = connectApi(server);
  for (const [service, id] of [
    ["orders", "127.0.0.1:8081"],
    ["orders", "127.0.0.1:9091"],
    ["films", "f-1"],
  ] as const) {
    const registrationId = "" as RegistrationId;
    const instance = anInstance({ service, id, registrationId, generation: 0, leaseMs: 300_000 });
    await api.register({ instance, defaults: undefined, leaseToken: new Uint8Array() });
  }
  api.close();
}

/** What bash would offer for a line, as it does when somebody presses Tab. */
async function offered(line: string, controlPlane = server): Promise<string[]> {
  const script = `
    source <(weir completion bash)
    COMP_LINE=$1 COMP_POINT=\${#1}
    _weir
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const env = { PATH: `${folder}/bin:/usr/bin:/bin`, WEIR_SERVER: controlPlane };
  const { stdout, stderr } = await run("bash", ["--norc", "-c", script, "bash", line], {
    env,
    cwd: folder,
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

test.each([
  { line: "weir d", offers: ["dev", "drain"] },
  { line: "weir config ", offers: ["server", "agent", "help"] },
  { line: "weir drain --d", offers: ["--deadline"] },
  { line: "weir check --fail-on ", offers: ["error", "warning"] },
  { line: "weir services -o j", offers: ["json"] },
  { line: "weir completion ", offers: ["bash", "zsh", "fish"] },
  { line: "weir drain ", offers: ["films", "orders"] },
  { line: "weir drain -o json o", offers: ["orders"] },
  { line: "weir drain orders ", offers: ["127.0.0.1:8081", "127.0.0.1:9091"] },
  // Bash replaces only what stands behind the last colon.
  { line: "weir drain orders 127.0.0.1:8", offers: ["8081"] },
  { line: "weir evict films f-1 ", offers: [] },
  { line: "weir agent --config settings/", offers: ["settings/agent.yaml"] },
  { line: "weir server --state-dir set", offers: ["settings", "setup"] },
  { line: "weir server --listen ", offers: [] },
  { line: "weir agent -- ls ", offers: [] },
])("bash completes `$line` to $offers", async ({ line, offers }) => {
  expect((await offered(line)).sort()).toEqual([...offers].sort());
});

test("without a control plane bash offers no names, and prints nothing into the line", async () => {
  expect(await offered("weir drain ", "127.0.0.1:1")).toEqual([]);
});

test.each(["bash", "zsh", "fish"])("%s finds no fault with its script", async (shell) => {
  const weir = new WeirProcess(["completion", shell]);
  expect(await weir.exited).toBe(0);
  const file = join(folder, `weir.${shell}`);
  writeFileSync(file, weir.stdout);
  expect(weir.stdout).toContain("weir __complete -- ");
  // A machine need not have every shell; what the scripts say is tested on every one.
  if (existsSync(`/usr/bin/${shell}`)) await run(shell, ["-n", file]);
});
