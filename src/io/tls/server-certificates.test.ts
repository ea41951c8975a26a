import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type PairFiles, TestCa } from "../../../test/support/certificates.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import type { Log } from "../../ports/log.ts";
import { LOOK_EVERY_MS } from "./reloading-files.ts";
import { CertificateFiles } from "./server-certificates.ts";

const DAY_MS = 86_400_000;

let folder: string;
let ca: TestCa;
let clock: FakeClock;
let lines: { readonly level: string; readonly message: string; readonly fields: object }[];
let live: PairFiles;

beforeEach(() => {
  folder = scratchFolder();
  ca = new TestCa(folder);
  clock = new FakeClock();
  // A minute ahead: what is issued during a test is valid by then.
  clock.wallStepMs = Date.now() + 60_000 - clock.wallMs();
  lines = [];
  live = { cert: join(folder, "live.crt"), key: join(folder, "live.key") };
});

function recordingLog(): Log {
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function put({ cert, key }: PairFiles): void {
  copyFileSync(cert, live.cert);
  copyFileSync(key, live.key);
}

function open(): CertificateFiles {
  const files = new CertificateFiles(live, clock, recordingLog());
  onTestFinished(() => files.stop());
  return files;
}

const serial = (pem: string): string => new X509Certificate(pem).serialNumber;

const errors = () => lines.filter(({ level }) => level === "error");

describe("a replaced pair", () => {
  test("is in use at the next look, and listeners hear of it once", () => {
    put(ca.issue());
    const files = open();
    const before = serial(files.current().cert);
    let heard = 0;
    files.onChange(() => heard++);
    put(ca.issue());
    clock.advance(LOOK_EVERY_MS);
    expect(serial(files.current().cert)).not.toBe(before);
    clock.advance(10 * LOOK_EVERY_MS);
    expect(heard).toBe(1);
  });

  test("is not used before its second file is there, and nobody is alarmed by the moment between", () => {
    put(ca.issue());
    const files = open();
    const before = files.current();
    const next = ca.issue();
    copyFileSync(next.cert, live.cert);
    clock.advance(LOOK_EVERY_MS);
    expect(files.current()).toBe(before);
    copyFileSync(next.key, live.key);
    clock.advance(LOOK_EVERY_MS);
    expect(files.current()).not.toBe(before);
    expect(errors()).toEqual([]);
  });

  test("that stays broken is reported once, and the last good one stays", () => {
    put(ca.issue());
    const files = open();
    const before = files.current();
    copyFileSync(ca.issue().cert, live.cert);
    clock.advance(60 * LOOK_EVERY_MS);
    expect(files.current()).toBe(before);
    expect(errors()).toHaveLength(1);
    expect(errors()[0]?.fields).toMatchObject({
      problem: expect.stringContaining("the key does not belong to the certificate"),
    });
  });

  test("that vanishes for a while changes nothing", () => {
    put(ca.issue());
    const files = open();
    const before = files.current();
    rmSync(live.key);
    clock.advance(5 * LOOK_EVERY_MS);
    expect(files.current()).toBe(before);
    put(ca.issue());
    clock.advance(LOOK_EVERY_MS);
    expect(files.current()).not.toBe(before);
  });

  test("behind a symbolic link that is swapped is noticed, as in a mounted secret", () => {
    const place = (name: string): void => {
      const { cert, key } = ca.issue();
      mkdirSync(join(folder, name));
      copyFileSync(cert, join(folder, name, "tls.crt"));
      copyFileSync(key, join(folder, name, "tls.key"));
    };
    place("first");
    place("second");
    symlinkSync("first", join(folder, "data"));
    live = { cert: join(folder, "data/tls.crt"), key: join(folder, "data/tls.key") };
    const files = open();
    const before = files.current();
    symlinkSync("second", join(folder, "data-new"));
    renameSync(join(folder, "data-new"), join(folder, "data"));
    clock.advance(LOOK_EVERY_MS);
    expect(files.current()).not.toBe(before);
  });

  test("is read at once by reload, which says what is wrong with it", () => {
    put(ca.issue());
    const files = open();
    const before = files.current();
    put(ca.issue());
    files.reload();
    expect(files.current()).not.toBe(before);
    copyFileSync(ca.issue().key, live.key);
    expect(() => files.reload()).toThrow("does not belong to the certificate");
  });
});

test("a bad pair at the start is an error", () => {
  put({ cert: ca.issue().cert, key: ca.issue().key });
  expect(open).toThrow("does not belong to the certificate");
});

test("a certificate in its last week is warned of once a day", () => {
  put(ca.issue({ days: 6 }));
  open();
  const warnings = () => lines.filter(({ message }) => message.includes("within a week"));
  expect(warnings()).toHaveLength(1);
  clock.advance(DAY_MS);
  expect(warnings()).toHaveLength(2);
});

test("a certificate with weeks left is not warned of", () => {
  put(ca.issue({ days: 20 }));
  open();
  expect(lines).toEqual([]);
});
