import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { lockFolder } from "./folder-lock.ts";

test("a folder has one holder at a time", () => {
  const folder = scratchFolder();
  const release = lockFolder(folder);
  expect(() => lockFolder(folder)).toThrow(
    `${folder} is in use by process ${process.pid}; stop it`,
  );
  release();
  expect(readdirSync(folder)).toEqual([]);
  lockFolder(folder)();
});

test("another live process keeps its folder", () => {
  const folder = scratchFolder();
  writeHolder(folder, { pid: process.ppid, started: "", token: "other" });
  expect(() => lockFolder(folder)).toThrow(`in use by process ${process.ppid}`);
  expect(readdirSync(folder)).toEqual(["lock"]);
});

test.each<{ what: string; content: () => string }>([
  { what: "a dead process", content: () => holder({ pid: deadPid() }) },
  { what: "a process whose pid another one has now", content: () => holder({ started: "1" }) },
  { what: "the same pid in an earlier container", content: () => holder({ pid: process.pid }) },
  { what: "nobody, torn by a crash", content: () => '{"pid":' },
  { what: "nobody, empty", content: () => "" },
])("the lock of $what is taken over", ({ content }) => {
  const folder = scratchFolder();
  writeFileSync(join(folder, "lock"), content());
  const release = lockFolder(folder);
  expect(JSON.parse(readFileSync(join(folder, "lock"), "utf8"))).toMatchObject({
    pid: process.pid,
  });
  expect(readdirSync(folder)).toEqual(["lock"]);
  release();
  expect(existsSync(join(folder, "lock"))).toBe(false);
});

test("a holder that lost its folder does not free the next one's", () => {
  const folder = scratchFolder();
  const release = lockFolder(folder);
  writeHolder(folder, { pid: process.ppid, started: "", token: "next" });
  release();
  expect(existsSync(join(folder, "lock"))).toBe(true);
});

interface Holder {
  pid: number;
  started: string;
  token: string;
}

function holder(change: Partial<Holder>): string {
  return JSON.stringify({ pid: process.ppid, started: "", token: "other", ...change });
}

function writeHolder(folder: string, content: Holder): void {
  writeFileSync(join(folder, "lock"), JSON.stringify(content));
}

function deadPid(): number {
  return spawnSync(process.execPath, ["--version"]).pid;
}
