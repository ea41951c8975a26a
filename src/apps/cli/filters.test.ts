import { InvalidArgumentError } from "commander";
import { expect, test } from "vitest";
import { collectPair, formatPairs, hasPairs } from "./filters.ts";

test("pairs of a repeated option are collected; a value may hold equals signs", () => {
  const pairs = collectPair("query=a=b", collectPair("version=v2"));
  expect([...pairs]).toEqual([
    ["version", "v2"],
    ["query", "a=b"],
  ]);
  expect([...collectPair("empty=")]).toEqual([["empty", ""]]);
});

test.each(["version", "=v2", ""])("%j is no pair", (text) => {
  expect(() => collectPair(text)).toThrow(InvalidArgumentError);
});

test("one key with two values is a mistake, not a choice", () => {
  const once = collectPair("version=v1");
  expect(() => collectPair("version=v2", once)).toThrow("given twice");
  expect([...collectPair("version=v1", once)]).toEqual([["version", "v1"]]);
});

test.each([
  { pairs: [], matches: true, because: "nothing is asked for" },
  { pairs: ["version=v2"], matches: true, because: "it has the pair" },
  { pairs: ["version=v2", "zone=b"], matches: false, because: "every pair must match" },
  { pairs: ["version=v1"], matches: false, because: "the value differs" },
  { pairs: ["tier="], matches: false, because: "an empty value is not an absent one" },
])("$pairs: $because", ({ pairs, matches }) => {
  const metadata = new Map(Object.entries({ version: "v2", zone: "a" }));
  const wanted = pairs.reduce(
    (found, pair) => collectPair(pair, found),
    new Map() as ReadonlyMap<string, string>,
  );
  expect(hasPairs(metadata, wanted)).toBe(matches);
});

test("labels are shown in the order of their keys", () => {
  expect(formatPairs(new Map(Object.entries({ zone: "a", version: "v2" })))).toBe(
    "version=v2,zone=a",
  );
});
