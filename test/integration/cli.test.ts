import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WeirProcess } from "../support/weir-process.ts";

/** The command line as people run it: real processes against a real control plane. */
let directory: string;
let server: WeirProcess;
let address: string;
const started: WeirProcess[] = [];

function start(...args: string[]): WeirProcess {
  const weir = new WeirProcess(args, { cwd: directory, env: { WEIR_SERVER: address ?? "" } });
  started.push(weir);
  return weir;
}

async function run(...args: string[]): Promise<{ exit: number | string; weir: WeirProcess }> {
  const weir = start(...args);
  return { exit: await weir.exited, weir };
}

const ANY_PORT = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "weir-cli-"));
  server = new WeirProcess(["server", ...ANY_PORT, "--settle-after", "0s"], { cwd: directory });
  [, address = ""] = await server.line(/gRPC API +(\S+)/);
});

afterEach(async () => {
  for (const weir of started.splice(0)) await weir.end("SIGKILL");
});

afterAll(async () => {
  await server.end("SIGKILL");
  await rm(directory, { recursive: true, force: true });
});

test("an instance lives through register, endpoints, drain, undrain and evict", async () => {
  const registered = await run("register", "orders", "127.0.0.1:8081", "--id", "o-1", "--once");
  expect(registered.exit).toBe(0);

  const listed = await run("endpoints", "orders", "-o", "json");
  expect(JSON.parse(listed.weir.stdout)).toMatchObject({
    endpoints: [{ id: "o-1", address: "127.0.0.1:8081", state: "healthy" }],
  });

  const drained = await run("drain", "orders", "o-1", "-o", "json");
  expect(drained.exit).toBe(0);
  expect(JSON.parse(drained.weir.stdout)).toMatchObject({ outcome: "SAFE", pending: [] });
  expect((await run("endpoints", "orders")).weir.stdout).toContain("draining");

  expect((await run("undrain", "orders", "o-1")).exit).toBe(0);
  expect((await run("evict", "orders", "o-1")).exit).toBe(0);
  expect((await run("evict", "orders", "o-1")).exit).toBe(3);
});

test("what does not exist ends with 3, and bad names with 2 and the field", async () => {
  expect((await run("endpoints", "nobody")).exit).toBe(3);
  expect((await run("drain", "nobody", "n-1")).exit).toBe(3);
  const { exit, weir } = await run("register", "Bad_Name", "127.0.0.1:8081", "--once");
  expect(exit).toBe(2);
  expect(weir.stderr).toContain("instance.service");
});

test("register stays, and its instance leaves with it", async () => {
  const registering = start("register", "carts", "127.0.0.1:8082", "--lease", "3s");
  await registering.line(/registered default\/carts/);
  expect((await run("endpoints", "carts")).weir.stdout).toContain("127.0.0.1:8082");
  expect(await registering.end("SIGINT")).toBe(130);
  expect((await run("endpoints", "carts")).weir.stdout).not.toContain("127.0.0.1:8082");
});

test("a second process with the same id makes the first one stop, without a fight", async () => {
  const first = start("register", "twins", "127.0.0.1:8083", "--id", "t-1", "--lease", "3s");
  await first.line(/registered/);
  const second = start("register", "twins", "127.0.0.1:8084", "--id", "t-1", "--lease", "3s");
  await second.line(/registered/);
  expect(await first.exited).toBe(6);
  expect(first.stderr).toContain("--id");
  expect((await run("endpoints", "twins")).weir.stdout).toContain("127.0.0.1:8084");
});

test("watch prints what comes, changes and leaves, with the reason, and no drain waits for it", async () => {
  const watching = start("watch", "films");
  await watching.line(/watching through replica/);
  await run("register", "films", "127.0.0.1:8085", "--id", "f-1", "--once");
  await watching.line(/^\+ .* default\/films f-1 127\.0\.0\.1:8085 healthy/m);
  expect((await run("drain", "films", "f-1")).exit).toBe(0);
  await watching.line(/^~ .* f-1 .*healthy -> draining/m);
  await run("evict", "films", "f-1");
  await watching.line(/^- .* f-1 .*evicted/m);
  const agents = await run("agents", "-o", "json");
  expect(JSON.parse(agents.weir.stdout)).toMatchObject({
    agents: [{ role: "observer", state: "SYNCED" }],
  });
  expect(await watching.end("SIGINT")).toBe(130);
});

test("watch --all comes back when the control plane does", async () => {
  const state = ["--state-dir", join(directory, "restarted"), "--settle-after", "0s"];
  const first = new WeirProcess(["server", ...ANY_PORT, ...state]);
  started.push(first);
  const [, listen = ""] = await first.line(/gRPC API +(\S+)/);
  const watching = start("watch", "--all", "--server", listen);
  await watching.line(/watching/);
  await first.end("SIGTERM");
  await watching.line(/connecting again/);
  const again = ["server", "--listen", listen, "--admin", "127.0.0.1:0", ...state];
  const second = new WeirProcess(again);
  started.push(second);
  await second.line(/gRPC API/);
  await watching.line(/watching(.|\n)*watching/);
});

test("health says that the control plane is well", async () => {
  const { exit, weir } = await run("health");
  expect(weir.stdout).toContain("settled");
  expect(exit).toBe(0);
});

test("nobody at the address ends with 4 and says what to do", async () => {
  const { exit, weir } = await run("services", "--server", "127.0.0.1:9");
  expect(exit).toBe(4);
  expect(weir.stderr).toMatch(/cannot reach .*127\.0\.0\.1:9 \(connection refused\).*weir server/);
});

describe("a server that cannot start", () => {
  test.each([
    { args: ["--listen", "nowhere"], exit: 64, says: "listen" },
    { args: ["--listen", "0.0.0.0:0"], exit: 64, says: "--insecure" },
    { args: ["--settle-after", "soon"], exit: 64, says: "soon" },
    { args: ["--lisen", "127.0.0.1:0"], exit: 2, says: "Did you mean --listen?" },
  ])("$args ends with $exit and says $says", async ({ args, exit, says }) => {
    const found = await run("server", ...args);
    expect(found.weir.stderr).toContain(says);
    expect(found.exit).toBe(exit);
  });

  test("names the port that is in use", async () => {
    const { exit, weir } = await run("server", "--listen", address, "--admin", "127.0.0.1:0");
    expect(weir.stderr).toContain(address);
    expect(weir.stderr).toMatch(/in use/);
    expect(exit).toBe(1);
  });

  test("names the state directory that it cannot use", async () => {
    const file = join(directory, "a-file");
    await writeFile(file, "");
    const { exit, weir } = await run("server", ...ANY_PORT, "--state-dir", file);
    expect(weir.stderr).toContain(file);
    expect(exit).toBe(1);
  });
});

test("config shows where each setting comes from", async () => {
  const { exit, weir } = await run("config", "server", "--listen", "127.0.0.1:1");
  expect(weir.stdout).toMatch(/listen +127\.0\.0\.1:1 +--listen/);
  expect(weir.stdout).toMatch(/admin +127\.0\.0\.1:7401 +default/);
  expect(exit).toBe(0);
});

test.each(["server", "agent"])(
  "config %s shows every source, and of a token only that there is one",
  async (program) => {
    const env = { WEIR_TOKEN: "s3cret-s3cret-s3cret", WEIR_ADMIN: "127.0.0.1:2" };
    const weir = new WeirProcess(["config", program, "--listen", "127.0.0.1:1"], {
      env,
      cwd: directory,
    });
    started.push(weir);
    expect(await weir.exited).toBe(0);
    expect(weir.stdout).toMatch(/^token +\(set, not shown\) +WEIR_TOKEN$/m);
    expect(weir.stdout).toMatch(/^admin +127\.0\.0\.1:2 +WEIR_ADMIN$/m);
    expect(weir.stdout + weir.stderr).not.toContain("s3cret");
    const [, ...rows] = weir.stdout.trimEnd().split("\n");
    expect(rows.filter((row) => !/^\S+ +.+ {2}\S+$/.test(row))).toEqual([]);
  },
);

test("the installed command passes signals on and keeps exit codes", async () => {
  const script = fileURLToPath(new URL("../../scripts/weir.mjs", import.meta.url));
  const weir = new WeirProcess(["server", ...ANY_PORT], { cwd: directory, script });
  started.push(weir);
  await weir.line(/gRPC API/);
  expect(await weir.end("SIGTERM")).toBe(0);
  const failing = new WeirProcess(["drain", "orders"], { script });
  expect(await failing.exited).toBe(2);
});
