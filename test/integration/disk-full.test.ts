import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";
import { WeirProcess } from "../support/weir-process.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

const DISK = "256k";

/** A disk of its own, in memory. */
function mount(folder: string): boolean {
  const args = ["-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", folder];
  return spawnSync("mount", args).status === 0;
}

function unmount(folder: string): void {
  spawnSync("umount", ["--lazy", folder]);
}

/** Root of a machine may, and of most containers may not. */
function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "weir-mount-"));
  const isMounted = mount(folder);
  if (isMounted) unmount(folder);
  rmSync(folder, { recursive: true });
  return isMounted;
}

async function weir(...args: string[]): Promise<{ code: number | string; said: string }> {
  const process = new WeirProcess(args);
  const code = await process.exited;
  return { code, said: `${process.stdout}${process.stderr}` };
}

async function aServer(stateDir: string): Promise<{ process: WeirProcess; at: string[] }> {
  const ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
  const process = new WeirProcess(["server", ...ports, "--state-dir", stateDir]);
  onTestFinished(async () => {
    await process.end("SIGKILL");
  });
  const [, address = ""] = await process.line(/gRPC API +(\S+)/);
  return { process, at: ["--server", address] };
}

async function idsAt(at: readonly string[]): Promise<string[]> {
  const { said } = await weir("endpoints", "orders", ...at, "-o", "json");
  const { endpoints } = JSON.parse(said) as { endpoints: { id: string }[] };
  return endpoints.map(({ id }) => id).sort();
}

/** Takes all of the disk that is left. @returns gives it back. */
function fill(folder: string): () => void {
  const path = join(folder, "filler");
  for (let size = 4_096; size > 0; size = Math.floor(size / 2)) {
    for (let isRoom = true; isRoom; ) {
      try {
        writeFileSync(path, Buffer.alloc(size), { flag: "a" });
      } catch {
        isRoom = false;
      }
    }
  }
  return () => rmSync(path);
}

test.skipIf(!canMount())(
  "a server whose disk is full serves on, says so, damages nothing, and goes on when there is room",
  async () => {
    const disk = join(scratchFolder(), "disk");
    mkdirSync(disk);
    expect(mount(disk)).toBe(true);
    onTestFinished(() => unmount(disk));
    const stateDir = join(disk, "state");
    const { process, at } = await aServer(stateDir);
    const register = (id: string, port: string) =>
      weir(
        "register",
        "orders",
        `127.0.0.1:${port}`,
        "--id",
        id,
        "--once",
        "--lease",
        "300s",
        ...at,
      );
    await register("a", "8081");
    await register("b", "8082");
    expect((await weir("evict", "orders", "b", ...at)).code).toBe(0);
    // The journal's last page has room for a few entries even on a full disk: the next one needs a page of its own.
    await waitUntil("a snapshot has all of the journal", LIMIT_MS, () =>
      readdirSync(stateDir).every((name) => !name.startsWith("journal-")),
    );
    const free = fill(disk);

    expect((await register("c", "8083")).code).toBe(0);
    const refused = await weir("evict", "orders", "a", ...at);
    expect(refused.said).toMatch(/disk is full/);
    expect(refused.code).not.toBe(0);
    await waitUntil("it says that it is degraded", LIMIT_MS, async () => {
      const { code, said } = await weir("health", ...at);
      return code !== 0 && /disk is full/.test(said);
    });
    // Done here, and not promised: a restart could have brought it back.
    expect(await idsAt(at)).toEqual(["c"]);
    expect(process.child.exitCode).toBeNull();

    free();
    await waitUntil("it is well again", LIMIT_MS, async () => {
      return (await weir("health", ...at)).code === 0;
    });
    await process.end("SIGKILL");
    const again = await aServer(stateDir);
    expect(await idsAt(again.at)).toEqual(["c"]);
  },
  60_000,
);
