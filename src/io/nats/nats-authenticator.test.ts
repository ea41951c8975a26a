import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "nats";
import { expect, test } from "vitest";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { authenticatorFor } from "./nats-authenticator.ts";
import { parseServers } from "./nats-settings.ts";

function answer(content: string, kind: "credsFile" | "nkeyFile" | "tokenFile"): unknown {
  const path = join(scratchFolder(), "secret");
  writeFileSync(path, content);
  const settings = { servers: ["bus"], [kind]: path };
  const [server] = parseServers(settings);
  if (server === undefined) throw new Error("no server");
  return authenticatorFor(settings, server)?.("nonce");
}

test("a creds file gives its JWT and signs with its seed", () => {
  const seed = Buffer.from(nkeys.createUser().getSeed()).toString();
  const creds = `-----BEGIN NATS USER JWT-----\nabc.def\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------`;
  expect(answer(creds, "credsFile")).toMatchObject({
    jwt: "abc.def",
    nkey: expect.stringMatching(/^U/),
    sig: expect.stringMatching(/./),
  });
});

test.each([
  ["no creds", "credsFile", /holds no \.creds file: check the file/],
  ["SUABC", "nkeyFile", /holds no seed of an nkey: check the file/],
  [" \n", "tokenFile", /is empty/],
  ["x".repeat(70_000), "tokenFile", /larger than 64 KiB/],
] as const)("%.10j as %s is refused", (content, kind, message) => {
  expect(() => answer(content, kind)).toThrow(message);
});
