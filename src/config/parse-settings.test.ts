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
      listen: "--listen",
      stateDir: "WEIR_STATE_DIR",
      wait: "weir.yaml:3",
      services: "default",
    });
  });

  test.each([
    { file: "lisen: a:1", says: "weir.yaml:1: lisen: is not a setting; did you mean listen?" },
    {
      file: "services:\n  - { name: a, timeot: 1s }",
      says: "weir.yaml:2: services[0].timeot: is not a setting; did you mean timeout?",
    },
    { file: "listen: nowhere", says: "weir.yaml:1: listen: nowhere is not an address" },
    { file: "wait: 5", says: "weir.yaml:1: wait: 5 is not a duration of 1s..1m" },
    { file: "wait: 5h", says: "weir.yaml:1: wait: 5h is not a duration" },
    { file: "a: [", says: "weir.yaml:1:5 is not YAML" },
    { file: "- a", says: "must hold settings" },
    { file: "__proto__: { listen: x }", says: "is not a setting" },
  ])("$file: $says", ({ file, says }) => {
    expect(() => parse(file)).toThrow(says);
  });

  test("a bad flag or variable is named as it was typed", () => {
    expect(() => parse("", { stateDir: 5 })).toThrow("--state-dir: stateDir:");
    expect(() => parse("", {}, { WEIR_WAIT: "x" })).toThrow("WEIR_WAIT: wait: x is not a duration");
  });

  test("parts of a group come from different places", () => {
    const group = z.object({ retry: z.strictObject({ count: z.number(), on: z.boolean() }) });
    const { settings, sources } = parseSettings(group, {
      flags: { retryOn: "no" },
      env: { WEIR_RETRY_COUNT: "4" },
      file: { path: "weir.yaml", text: "retry: { count: 3, on: true }" },
    });
    expect(settings).toEqual({ retry: { count: 4, on: false } });
    expect(sources).toEqual([
      { name: "retry.count", value: 4, source: "WEIR_RETRY_COUNT" },
      { name: "retry.on", value: false, source: "--retry-on" },
    ]);
  });

  test("a group that is no group is a problem of its own, whatever is put into it", () => {
    const group = z.object({ retry: z.strictObject({ count: z.number() }) });
    const file = { path: "weir.yaml", text: "retry: 3" };
    const parsing = () => parseSettings(group, { flags: {}, env: { WEIR_RETRY_COUNT: "4" }, file });
    expect(parsing).toThrow("weir.yaml:1: retry:");
  });

  test("aliases that multiply are refused", () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const items =
        i === 0
          ? '"x"'
          : Array(9)
              .fill(`*a${i - 1}`)
              .join(",");
      return `a${i}: &a${i} [${items}]`;
    });
    expect(() => parse(levels.join("\n"))).toThrow("alias");
  });
});
