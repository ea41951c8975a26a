import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { type PairFiles, TestCa } from "../../../test/support/certificates.ts";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { readCaBundle, readPair } from "./certificate-checks.ts";

let folder: string;
let ca: TestCa;
let good: PairFiles;

beforeEach(() => {
  folder = scratchFolder();
  ca = new TestCa(folder);
  good = ca.issue();
});

const read = ({ cert, key }: PairFiles): unknown => readPair(cert, key, Date.now());

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("a pair that belongs together is taken, with its chain", () => {
  const chain = file("chain.crt", readFileSync(good.cert, "utf8") + ca.pem);
  const pair = readPair(chain, good.key, Date.now());
  expect(pair.cert).toContain("BEGIN CERTIFICATE");
  expect(pair.expiresAtMs).toBeGreaterThan(Date.now());
});

describe("what cannot be used names the file and the fix", () => {
  test("a file that is not there", () => {
    const cert = join(folder, "missing.crt");
    expect(() => read({ ...good, cert })).toThrow(`cannot use ${cert}: there is no such file`);
  });

  test("a directory", () => {
    const cert = join(folder, "directory");
    mkdirSync(cert);
    expect(() => read({ ...good, cert })).toThrow(`cannot use ${cert}: it is a directory`);
  });

  test("an empty file", () => {
    const cert = file("empty.crt", "");
    expect(() => read({ ...good, cert })).toThrow(`cannot use ${cert}: it is empty`);
  });

  test("garbage", () => {
    const cert = file("garbage.crt", "not a certificate");
    expect(() => read({ ...good, cert })).toThrow("it is not PEM");
    const key = file("garbage.key", "not a key");
    expect(() => read({ ...good, key })).toThrow(`cannot use ${key}: it holds no key`);
  });

  test("a block of garbage", () => {
    const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    expect(() => read({ ...good, cert: file("block.crt", pem) })).toThrow("cannot be read");
  });

  test("a file that somebody still writes", () => {
    const half = readFileSync(good.cert, "utf8").slice(0, 300);
    expect(() => read({ ...good, cert: file("half.crt", half) })).toThrow(
      "it ends within a certificate",
    );
  });

  test("the key in the certificate's place", () => {
    expect(() => read({ ...good, cert: good.key })).toThrow("it holds a private key");
  });

  test("a key of another certificate", () => {
    const { key } = ca.issue();
    expect(() => read({ ...good, key })).toThrow(
      `cannot use ${key}: the key does not belong to the certificate in ${good.cert}`,
    );
  });

  test("a certificate that has expired, or is not valid yet", () => {
    expect(() => read(ca.issue({ days: -1 }))).toThrow(/CN=test\) expired on \d{4}-.*; renew it/);
    const yesterday = Date.now() - 86_400_000;
    expect(() => readPair(good.cert, good.key, yesterday)).toThrow("clock right?");
  });

  test("a bundle without a CA that still holds", () => {
    const expired = ca.issue({ days: -1 }).cert;
    expect(() => readCaBundle(expired, Date.now())).toThrow("put the new CA there");
    const both = file("both.crt", readFileSync(expired, "utf8") + ca.pem);
    expect(readCaBundle(both, Date.now())).toContain("BEGIN CERTIFICATE");
  });
});
