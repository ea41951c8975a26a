import { expect, test } from "vitest";
import { echo, isWellFormed, toWellFormed, utf8Length } from "./text.ts";

test.each([
  { text: "", bytes: 0 },
  { text: "abc", bytes: 3 },
  { text: "é", bytes: 2 },
  { text: "€", bytes: 3 },
  { text: "😀", bytes: 4 },
  { text: "\ud83d", bytes: 3 },
  { text: "\ude00\ud83d", bytes: 6 },
  { text: "a😀é€", bytes: 10 },
])("$text has $bytes bytes as UTF-8", ({ text, bytes }) => {
  expect(utf8Length(text)).toBe(bytes);
  expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length);
});

test("half a surrogate pair is not well-formed and is replaced", () => {
  expect(isWellFormed("a😀")).toBe(true);
  expect(isWellFormed("a\ud83d")).toBe(false);
  expect(toWellFormed("a\ud83db😀")).toBe("a\ufffdb😀");
});

test.each([
  { text: "orders", shown: '"orders"' },
  { text: 'a"\\b', shown: '"a\\"\\\\b"' },
  { text: "a\nb\u202e\ud800", shown: '"a\\u000ab\\u202e\\ud800"' },
  { text: "x".repeat(10_240), shown: `"${"x".repeat(40)}..." (10240 characters)` },
])("$shown is what a message repeats", ({ text, shown }) => {
  expect(echo(text)).toBe(shown);
});
