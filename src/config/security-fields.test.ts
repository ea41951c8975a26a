import { describe, expect, test } from "vitest";
import { z } from "zod";
import { securityShape, securityViolations } from "./security-fields.ts";

const schema = z.strictObject(securityShape);

/** The settings that are found wrong. */
function wrong(settings: z.input<typeof schema>, ports: Record<string, string> = {}): string[] {
  return securityViolations(schema.parse(settings), ports).map(({ path }) => path.join("."));
}

const PAIR = { cert: "a.crt", key: "a.key" };
const FAR = { listen: "127.0.0.1:1", admin: "0.0.0.0:2" };

describe("ports", () => {
  test("may be plaintext on this machine only", () => {
    expect(wrong({}, { listen: "127.0.0.1:1", admin: "[::1]:2" })).toEqual([]);
    expect(wrong({}, FAR)).toEqual(["admin"]);
    expect(wrong({}, { listen: "[::]:1", admin: "10.0.0.1:2" })).toEqual(["listen", "admin"]);
  });

  test("may be anywhere with TLS, or when plaintext is said to be fine", () => {
    expect(wrong({ tls: PAIR }, FAR)).toEqual([]);
    expect(wrong({ insecure: true }, FAR)).toEqual([]);
  });

  test("are not protected enough by a token, which would be read on the way", () => {
    expect(wrong({ tokenFile: "tokens" }, FAR)).toEqual(["admin"]);
  });
});

test.each([
  [{ cert: "a.crt" }, ["tls.cert"]],
  [{ key: "a.key" }, ["tls.key"]],
  [{ clientCa: "ca.crt" }, ["tls.clientCa"]],
  [{ cert: "a.crt", clientCa: "ca.crt" }, ["tls.cert", "tls.clientCa"]],
  [{ ...PAIR, clientCa: "ca.crt" }, []],
])("%j", (tls, expected) => {
  expect(wrong({ tls })).toEqual(expected);
});
