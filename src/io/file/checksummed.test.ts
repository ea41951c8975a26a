import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scratchFolder } from "../../../test/support/scratch-folder.ts";
import { readChecksummed, setAside, writeChecksummed } from "./checksummed.ts";

const FORMAT = { magic: "weir-test", version: 1 };
const text = (value: string) => new TextEncoder().encode(value);

test("what was written in slices is read whole, and the head says what it is", async () => {
  const path = join(scratchFolder(), "file");
  await writeChecksummed(path, FORMAT, [text("one, "), text("two")]);
  expect(readChecksummed(path, FORMAT)).toEqual({ kind: "ok", body: Buffer.from("one, two") });
  expect(readFileSync(path, "utf8")).toMatch(/^weir-test 1 [0-9a-f]{64} 0{15}8\none, two$/);
});

test("an empty body is a body", async () => {
  const path = join(scratchFolder(), "file");
  await writeChecksummed(path, FORMAT, []);
  expect(readChecksummed(path, FORMAT)).toMatchObject({ kind: "ok" });
});

test("a file that was never written is missing", () => {
  expect(readChecksummed(join(scratchFolder(), "file"), FORMAT)).toEqual({ kind: "missing" });
});

test.each<{ what: string; damage: (bytes: Buffer) => Buffer; reason: RegExp }>([
  { what: "empty", damage: () => Buffer.alloc(0), reason: /no weir-test/ },
  { what: "noise", damage: () => Buffer.alloc(4096, 7), reason: /no weir-test/ },
  { what: "cut short", damage: (bytes) => bytes.subarray(0, -1), reason: /7 bytes of 8/ },
  {
    what: "too long",
    damage: (bytes) => Buffer.concat([bytes, text("!")]),
    reason: /9 bytes of 8/,
  },
  { what: "flipped in one bit", damage: flipLastBit, reason: /checksum/ },
  {
    what: "of a newer version",
    damage: (bytes) => replace(bytes, "test 1", "test 2"),
    reason: /2/,
  },
])("a file that is $what is corrupt", async ({ damage, reason }) => {
  const path = join(scratchFolder(), "file");
  await writeChecksummed(path, FORMAT, [text("one, two")]);
  writeFileSync(path, damage(readFileSync(path)));
  const read = readChecksummed(path, FORMAT);
  expect(read).toMatchObject({ kind: "corrupt", reason: expect.stringMatching(reason) });
});

test("a disk that is full leaves the old file, and says what to do", async () => {
  const folder = scratchFolder();
  const path = join(folder, "file");
  await writeChecksummed(path, FORMAT, [text("old")]);
  symlinkSync("/dev/full", `${path}.tmp`);
  const failed = writeChecksummed(path, FORMAT, [text("new")]);
  await expect(failed).rejects.toMatchObject({
    code: "STORAGE_FAILED",
    message: `cannot write ${path}: the disk is full; free some space`,
  });
  expect(readChecksummed(path, FORMAT)).toMatchObject({ body: Buffer.from("old") });
  expect(readdirSync(folder)).toEqual(["file"]);
});

test("what fails while it is encoded leaves the old file", async () => {
  const path = join(scratchFolder(), "file");
  await writeChecksummed(path, FORMAT, [text("old")]);
  function* failing(): Generator<Uint8Array> {
    yield text("new");
    throw new Error("cannot encode");
  }
  await expect(writeChecksummed(path, FORMAT, failing())).rejects.toThrow(/cannot encode/);
  expect(readChecksummed(path, FORMAT)).toMatchObject({ body: Buffer.from("old") });
});

test("a file that exists and cannot be read is a failure, not missing", () => {
  const path = join(scratchFolder(), "file");
  mkdirSync(path);
  expect(() => readChecksummed(path, FORMAT)).toThrow(/^cannot read /);
});

test("files that are set aside are counted, and never fill the disk", () => {
  const folder = scratchFolder();
  const path = join(folder, "file");
  for (let crash = 0; crash < 8; crash++) {
    writeFileSync(path, `${crash}`);
    setAside(path);
  }
  const kept = [1, 2, 3, 4, 5].map((number) => `file.corrupt-${number}`);
  expect(readdirSync(folder).sort()).toEqual(kept);
  expect(readFileSync(`${path}.corrupt-1`, "utf8")).toBe("0");
});

function flipLastBit(bytes: Buffer): Buffer {
  const last = bytes.length - 1;
  bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
  return bytes;
}

function replace(bytes: Buffer, from: string, to: string): Buffer {
  return Buffer.from(bytes.toString("latin1").replace(from, to), "latin1");
}
