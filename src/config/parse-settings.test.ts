import { describe, expect, test } from "vitest";
import { z } from "zod";
import { address, addresses, duration, flag } from "./fields.ts";
import { parseSettings } from "./parse-settings.ts";

const schema = z.object({
  listen: address.default("127.0.0.1:1"),
  stateDir: z.string().optional(),
  peers: addresses.default(["127.0.0.1:2"]),
  wait: duration({ minMs: 1_000, maxMs: 60_000 }).prefault("5s"),
  insecure: flag.default(false),
  services: z
    .array(z.strictObject({ name: z.string(), timeout: z.string().optional() }))
    .default([]),
});

const parse = (file: string, flags = {}, env = {}) =>
  parseSettings(schema, { flags, env, file: { path: "weir.yaml", text: file } });

describe("settings", () => {
  test("come from flag, then variable, then file, then default, and say so", () => {
    const { settings, sources } = parse(
      "listen: 10.0.0.1:1\nstateDir: /a\nwait: 2s",
      { listen: "10.0.0.3:3" },
      {
        WEIR_LISTEN: "10.0.0.2:2",
        WEIR_STATE_DIR: "/b",
        WEIR_PEERS: "a:1, b:2",
        WEIR_INSECURE: "1",
      },
    );
    expect(settings).toMatchObject({
      listen: "10.0.0.3:3",
      stateDir: "/b",
      peers: ["a:1", "b:2"],
      wait: 2_000,
      insecure: true,
    });
    expect(Object.fromEntries(sources.map(({ name, source }) => [name, source]))).toMatchObject({
      listen: "flag",
      stateDir: "WEIR_STATE_DIR",
      wait: "weir.yaml",
      services: "default",
    });
  });

  test.each([
    { file: "lisen: a:1", says: "lisen: is not a setting; did you mean `listen`?" },
    {
      file: "services: [{ name: a, timeot: 1s }]",
      says: "services.0.timeot: is not a setting; did you mean `timeout`?",
    },
    { file: "listen: nowhere", says: "listen (weir.yaml): nowhere is not an address" },
    { file: "wait: 5", says: "wait (weir.yaml): 5 is not a duration of 1s..1m" },
    { file: "wait: 5h", says: "wait (weir.yaml): 5h is not a duration" },
    { file: "a: [", says: "weir.yaml is not YAML" },
    { file: "- a", says: "must hold settings" },
    { file: "__proto__: { listen: x }", says: "is not a setting" },
  ])("$file: $says", ({ file, says }) => {
    expect(() => parse(file)).toThrow(says);
  });
});
