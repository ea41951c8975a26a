import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runIn, terminalEnvironment } from "../support/npm.ts";
import { RunningProcess } from "../support/running-process.ts";
import { fencesIn, repositoryFile } from "../support/text-fences.ts";

/** The package as a person gets it: packed, installed in an empty folder, and used from there. */

/** Compiling, packing and installing fifty packages on a busy machine. */
const INSTALL_TIMEOUT_MS = 120_000;

/** `import()` of the package; says its error's code and message. */
const IMPORT = 'import("weir-mesh").catch(({ code, message }) => console.log(code, message))';

/** Makes a Node believe that it is an old one. */
const OLD_NODE =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"22.18.0"}})';

let root: string;
let folder: string;
let packed: readonly { readonly path: string }[];
let weir: string;
let server: RunningProcess | undefined;
let controlPlane: string;
const processes: RunningProcess[] = [];
const applications: Server[] = [];

function start(args: readonly string[], env: Record<string, string> = {}): RunningProcess {
  const process = new RunningProcess(weir, args, { cwd: folder, env: terminalEnvironment(env) });
  processes.push(process);
  return process;
}

async function startApplication(name: string): Promise<number> {
  const application = createServer((_, response) => response.end(`hello from ${name}\n`));
  applications.push(application);
  await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
  return (application.address() as AddressInfo).port;
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "weir-package-"));
  folder = join(root, "app");
  mkdirSync(folder);
  const report = await runIn(repositoryFile("."), "npm", [
    ...["pack", "--json", "--silent", "--pack-destination", root],
  ]);
  const [tarball] = JSON.parse(report.slice(report.indexOf("[")));
  packed = tarball.files;
  writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
  const quiet = ["--prefer-offline", "--no-audit", "--no-fund"];
  await runIn(folder, "npm", ["install", ...quiet, join(root, tarball.filename)]);
  weir = join(folder, "node_modules", ".bin", "weir");
  server = start(["server", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
  const [, address = ""] = await server.line(/gRPC API +(\S+)/);
  controlPlane = address;
  for (const name of ["one", "two"]) {
    const port = await startApplication(name);
    const to = ["register", "hello", `127.0.0.1:${port}`, "--server", controlPlane];
    // In turn: eight requests reach both, and not only very probably.
    await start([...to, "--policy", "round_robin"]).line(/./);
  }
}, INSTALL_TIMEOUT_MS);

afterAll(async () => {
  for (const process of processes.reverse()) await process.end("SIGKILL");
  for (const application of applications) {
    application.closeAllConnections();
    application.close();
  }
  rmSync(root, { recursive: true, force: true });
});

/** Runs JavaScript of the folder, as `node FILE`. @returns what it printed. */
async function node(file: string): Promise<string> {
  const env = terminalEnvironment({ WEIR_CONTROL_PLANE: controlPlane });
  return await runIn(folder, process.execPath, [file], env);
}

function example(name: string): string {
  const code = fencesIn("README.md", "example").get(name);
  if (code === undefined) throw new Error(`README.md has no <!-- example: ${name} -->`);
  return code;
}

test("it holds what it runs, declarations and maps, and nothing of tests", () => {
  const paths = packed.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining([
      "LICENSE",
      "README.md",
      "dist/apps/library/main.js",
      "dist/apps/library/main.d.ts",
      "dist/apps/library/main.js.map",
      "dist/gen/weir.binpb",
      "proto/weir/v1/registry.proto",
      "scripts/weir.mjs",
    ]),
  );
  expect(paths.filter((path) => /[.]test[.]|^(src|test|bench)\//.test(path))).toEqual([]);
});

test("npx weir runs", async () => {
  expect(await runIn(folder, "npx", ["--no-install", "weir", "version"])).toMatch(
    /^weir \d+\.\d+\.\d+ \(Node v\d+/,
  );
});

test("the installed server knows what was registered, and describes its API", async () => {
  const ask = ["endpoints", "hello", "-o", "json", "--server", controlPlane];
  const { endpoints } = JSON.parse(await runIn(folder, weir, ask));
  expect(endpoints).toHaveLength(2);
  const list = ["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--list-methods"];
  const buf = repositoryFile("node_modules/.bin/buf");
  expect(await runIn(folder, buf, [...list, `http://${controlPlane}`])).toContain(
    "weir.v1.RegistryService/Register",
  );
});

test("the README's library example balances over both, in JavaScript", async () => {
  writeFileSync(join(folder, "library.mjs"), example("library.mjs"));
  const printed = await node("library.mjs");
  expect(printed).toContain("hello from one");
  expect(printed).toContain("hello from two");
});

test.each([{ skipLibCheck: true }, { skipLibCheck: false }])(
  "the README's library example compiles in a strict TypeScript project, and runs: %o",
  async ({ skipLibCheck }) => {
    writeFileSync(join(folder, "library.ts"), example("library.ts"));
    const compilerOptions = {
      module: "NodeNext",
      target: "ES2022",
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck,
      outDir: "out",
    };
    const project = { compilerOptions, files: ["library.ts"] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project));
    writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }\n');
    await runIn(folder, repositoryFile("node_modules/.bin/tsc"), ["-p", "."]);
    expect(await node("out/library.js")).toContain("hello from");
  },
);

test("too old a Node gets a sentence instead of what a package makes of it", async () => {
  const said = await runIn(folder, process.execPath, ["--import", OLD_NODE, "-e", IMPORT]);
  expect(said).toMatch(/^NODE_TOO_OLD weir-mesh needs Node 22\.19 or newer, this is 22\.18\.0: /);
});

test("so does a Node that really is too old, where the machine has one", async () => {
  const candidates = ["/usr/bin/node", "/usr/local/bin/node"].filter((path) => existsSync(path));
  for (const candidate of candidates) {
    const version = await runIn(folder, candidate, ["-p", "process.versions.node"]);
    if (Number.parseInt(version, 10) >= 22) continue;
    expect(await runIn(folder, candidate, ["-e", IMPORT])).toMatch(/^NODE_TOO_OLD weir-mesh needs/);
    await expect(runIn(folder, candidate, [weir, "version"])).rejects.toThrow("needs Node 22.19");
  }
});
