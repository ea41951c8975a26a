import { beforeEach, describe, expect, test } from "vitest";
import { aListing } from "../../../../test/support/check/facts.ts";
import { FakeCli } from "../../../../test/support/fake-cli.ts";
import { MeshError } from "../../../core/model/mesh-error.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
  const counts = { instanceCount: 1, healthyCount: 1, hasConflictingDefaults: false };
  const service = { protocol: "http1", policy: "", ...counts };
  cli.api.services = [
    { namespace: "default", name: "orders", ...service },
    { namespace: "shop", name: "cart", ...service },
  ];
  cli.api.instances = [aListing({ id: "o-1" }), aListing({ id: "127.0.0.1:8081" })];
});

describe("names that the control plane knows", () => {
  test.each([
    { line: "drain", names: ["orders", "shop/cart"] },
    { line: "watch --all", names: ["orders", "shop/cart"] },
    { line: "endpoints -n shop", names: ["default/orders", "cart"] },
    { line: "drain orders", names: ["o-1", "127.0.0.1:8081"] },
    { line: "evict --server=cp:1 -o json orders", names: ["o-1", "127.0.0.1:8081"] },
    { line: "drain orders o-1", names: [] },
    { line: "agents", names: [] },
    { line: "nonsense", names: [] },
    { line: "", names: [] },
  ])("$line is followed by $names", async ({ line, names }) => {
    const words = line === "" ? "" : ` ${line}`;
    expect(await cli.run(`__complete --${words}`)).toBe(0);
    expect(cli.out.split("\n").filter((name) => name !== "")).toEqual(names);
    expect(cli.said).toBe("");
  });

  test("come from the control plane that the line names", async () => {
    await cli.run("__complete -- drain --server cp:7400 --token-file t orders");
    expect(cli.connected).toEqual(["cp:7400"]);
    expect(cli.access.tokenFile).toBe("t");
    expect(cli.api.isClosed).toBe(true);
  });

  test("are none, without a word, when it refuses", async () => {
    cli.api.failure = new MeshError("UNAUTHENTICATED", "no");
    expect(await cli.run("__complete -- drain")).toBe(0);
    expect([cli.out, cli.said]).toEqual(["", ""]);
  });

  test("are none when it does not answer within a second", async () => {
    cli.api.listServices = () => new Promise(() => undefined);
    const done = cli.run("__complete -- drain");
    await new Promise((resolve) => setImmediate(resolve));
    cli.clock.advance(999);
    let isDone = false;
    done.then(() => {
      isDone = true;
    }, expect.fail);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(false);
    cli.clock.advance(1);
    expect(await done).toBe(0);
    expect([cli.out, cli.said, cli.api.isClosed]).toEqual(["", "", true]);
  });

  test("that a shell would run or take apart are left out", async () => {
    cli.api.instances = [aListing({ id: "$(reboot)" }), aListing({ id: "good" })];
    await cli.run("__complete -- drain orders");
    expect(cli.out).toBe("good\n");
  });
});

const VERBS = ["server", "agent", "drain", "check", "completion"];

describe.each(["bash", "zsh", "fish"])("the script for %s", (shell) => {
  let script: string;

  beforeEach(async () => {
    expect(await cli.run(`completion ${shell}`)).toBe(0);
    script = cli.out;
  });

  test("knows verbs, options, choices and who is asked for names", () => {
    for (const verb of VERBS) expect(script).toMatch(new RegExp(`\\b${verb}\\b`));
    expect(script).toContain("deadline");
    expect(script).toContain("table json");
    expect(script).toContain("error warning");
    expect(script).toContain("bash zsh fish");
    expect(script).toContain("weir __complete -- ");
  });

  test("does not offer what is hidden", () => {
    const offers = script.replaceAll("weir __complete -- ", "");
    expect(offers).not.toContain("__complete");
  });

  test("opens as many quotes as it closes", () => {
    const bare = script
      .split("\n")
      .filter((line) => !line.trimStart().startsWith("#"))
      .join("\n")
      .replaceAll("\\'", "")
      .replaceAll("'\\''", "");
    expect(bare.split("'").length % 2).toBe(1);
    expect(bare.replaceAll('\\"', "").split('"').length % 2).toBe(1);
  });
});

test("fish offers the verbs of config only behind config", async () => {
  await cli.run("completion fish");
  const lines = cli.out.split("\n");
  const ofServer = lines.filter((line) => line.includes("-l replica-id"));
  expect(ofServer).toEqual([
    expect.stringContaining(
      "'__fish_seen_subcommand_from server; and not __fish_seen_subcommand_from config'",
    ),
    expect.stringContaining(
      "'__fish_seen_subcommand_from config; and __fish_seen_subcommand_from server'",
    ),
  ]);
});

test("another shell is a wrong word", async () => {
  expect(await cli.run("completion tcsh")).toBe(2);
  expect(cli.said).toContain("bash, zsh, fish");
});
