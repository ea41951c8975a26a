import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { quietLog } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { LOOK_EVERY_MS } from "./reloading-files.ts";
import { TokenFiles, tokenSource } from "./token-files.ts";

const OLD = "old-0123456789abcdef";
const NEW = "new-0123456789abcdef";

test("a rotation has an overlap: both are accepted, then only the new one", () => {
  const tokenFile = join(scratchFolder(), "tokens");
  const clock = new FakeClock();
  writeFileSync(tokenFile, OLD);
  const tokens = new TokenFiles({ tokenFile }, clock, quietLog);
  onTestFinished(() => tokens.stop());
  const accepted = () => [OLD, NEW].filter((token) => tokens.nameOf(token) !== undefined);
  expect(accepted()).toEqual([OLD]);
  writeFileSync(tokenFile, `${OLD}\nweb:${NEW}\n`);
  clock.advance(LOOK_EVERY_MS);
  expect(accepted()).toEqual([OLD, NEW]);
  writeFileSync(tokenFile, `web:${NEW}\n`);
  clock.advance(LOOK_EVERY_MS);
  expect(accepted()).toEqual([NEW]);
});

test("a file that is emptied locks nobody out", () => {
  const tokenFile = join(scratchFolder(), "tokens");
  const clock = new FakeClock();
  writeFileSync(tokenFile, OLD);
  const tokens = new TokenFiles({ tokenFile }, clock, quietLog);
  onTestFinished(() => tokens.stop());
  writeFileSync(tokenFile, "");
  clock.advance(5 * LOOK_EVERY_MS);
  expect(tokens.nameOf(OLD)).toBe("token");
});

test("a client shows the first token of its file as it is now", () => {
  const tokenFile = join(scratchFolder(), "token");
  writeFileSync(tokenFile, `agent:${OLD}\n`);
  const source = tokenSource({ tokenFile, token: "of-a-variable-0123" }, new FakeClock(), quietLog);
  expect(source()).toBe(OLD);
  writeFileSync(tokenFile, `${NEW}\n${OLD}\n`);
  expect(source()).toBe(NEW);
});

test("a client without a file shows the token of a variable, or none", () => {
  const clock = new FakeClock();
  expect(tokenSource({ token: NEW }, clock, quietLog)()).toBe(NEW);
  expect(tokenSource({}, clock, quietLog)()).toBeUndefined();
  expect(() => tokenSource({ tokenFile: "/nowhere/token" }, clock, quietLog)).toThrow(
    "cannot use /nowhere/token: there is no such file",
  );
});
