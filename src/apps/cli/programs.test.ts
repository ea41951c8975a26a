import { beforeEach, describe, expect, test } from "vitest";
import { FakeCli } from "../../../test/support/fake-cli.ts";
import { MeshError } from "../../core/model/mesh-error.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
});

/** Lets everything run that waits for nothing but other promises. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("programs", () => {
  const settings = [{ name: "listen", value: "127.0.0.1:1", source: "flag" }];
  let isStopped: boolean;

  beforeEach(() => {
    isStopped = false;
    const stop = async (): Promise<void> => {
      isStopped = true;
    };
    cli.configured = { settings, start: async () => ({ lines: ["listening"], stop }) };
  });

  test("run until a signal comes, then stop cleanly", async () => {
    const ended = cli.run("server --listen 127.0.0.1:1 --settle-after 1s --insecure");
    await settled();
    expect(cli.out).toBe("listening\n");
    expect(isStopped).toBe(false);
    cli.press("SIGTERM");
    expect(await ended).toBe(0);
    expect(isStopped).toBe(true);
    const flags = { listen: "127.0.0.1:1", settleAfter: "1s", insecure: true };
    expect(cli.started).toEqual([{ program: "server", flags, command: [] }]);
  });

  test("an agent gets its command with the command's own flags, and its flags before it", async () => {
    const ended = cli.run("agent --id web-1 --take-over -- node app.js --id 7");
    await settled();
    cli.press("SIGTERM");
    await ended;
    expect(cli.started).toEqual([
      {
        program: "agent",
        flags: { id: "web-1", takeOver: true },
        command: ["node", "app.js", "--id", "7"],
      },
    ]);
  });

  test("a program that ends by itself passes its exit code on", async () => {
    const ended = Promise.resolve(3);
    const stop = async (): Promise<void> => undefined;
    cli.configured = { settings, start: async () => ({ lines: [], stop, ended }) };
    expect(await cli.run("agent -- false")).toBe(3);
  });

  test("settings that cannot be used end with 64, one line a problem", async () => {
    cli.configured = new MeshError("INVALID_ARGUMENT", "settings cannot be used:\n  lisen: what?");
    expect(await cli.run("agent")).toBe(64);
    expect(cli.said).toBe("weir: settings cannot be used:\n  lisen: what?\n");
  });

  test("a program that cannot start ends with 1", async () => {
    const start = (): never => {
      throw new MeshError("STORAGE_FAILED", "port 7400 is in use; name another with --listen");
    };
    cli.configured = { settings, start };
    expect(await cli.run("server")).toBe(1);
    expect(cli.said).toContain("port 7400 is in use");
  });

  test("SIGHUP reloads where there is something to reload", async () => {
    let reloads = 0;
    const reload = async (): Promise<void> => {
      reloads++;
      if (reloads > 1) throw new Error("the file is gone");
    };
    const stop = async (): Promise<void> => undefined;
    cli.configured = { settings, start: async () => ({ lines: [], stop, reload }) };
    const ended = cli.run("dev");
    await settled();
    cli.hangUp();
    await settled();
    cli.hangUp();
    await settled();
    cli.press("SIGTERM");
    await ended;
    expect(cli.said).toContain("SIGHUP: reloaded");
    expect(cli.said).toContain("not reloaded, the former settings stay: the file is gone");
  });

  test("config shows every setting with its source, and starts nothing", async () => {
    expect(await cli.run("config server --listen 127.0.0.1:1")).toBe(0);
    expect(cli.out).toMatch(/listen +127\.0\.0\.1:1 +flag/);
    cli.out = "";
    expect(await cli.run("config agent -o json")).toBe(0);
    expect(JSON.parse(cli.out)).toMatchObject({ settings });
  });
});
