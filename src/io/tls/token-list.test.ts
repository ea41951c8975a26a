import { describe, expect, test } from "vitest";
import { parseTokens, TokenList } from "./token-list.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);

describe("a list of tokens", () => {
  test("knows each by its name, and those without one as token", () => {
    const list = new TokenList(parseTokens(`# robots\nci:${A}\n\n${B}\n`, "tokens"));
    expect(list.nameOf(A)).toBe("ci");
    expect(list.nameOf(B)).toBe("token");
    expect(list.nameOf("c".repeat(32))).toBeUndefined();
    expect(list.nameOf("")).toBeUndefined();
    expect(list.nameOf(`ci:${A}`)).toBeUndefined();
  });

  test.each([
    ["", "it holds no token"],
    ["# only a comment", "it holds no token"],
    ["short", "line 1: a token needs 16 characters"],
    [`${A}\nwith spaces in it, far too many`, "line 2: a token has letters"],
    [`bad name:${A}`, "line 1: the name before the colon"],
    [`\u{1f512}${A}`, "line 1: a token has letters"],
  ])("%j is refused with its line", (text, why) => {
    expect(() => parseTokens(text, "/etc/tokens")).toThrow(`cannot use /etc/tokens: ${why}`);
  });

  test("a refusal never repeats the token", () => {
    const secret = "s3cr3t token";
    expect(() => parseTokens(secret, "f")).toThrow(/^((?!s3cr3t).)*$/);
  });
});
