import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { MeshError } from "../../core/model/mesh-error.ts";
import { PolicyBook } from "../../core/policies/policy-book.ts";
import type { ServicePolicy } from "../../core/policies/service-policy.ts";
import type { Clock } from "../../ports/clock.ts";
import type { PolicyStore } from "../../ports/policy-store.ts";
import { LocalPolicyStore } from "../local-policy-store.ts";
import { bookFromJson, bookToJson } from "../wire/policy-json.ts";
import { type FileFormat, readChecksummed, setAside, writeChecksummed } from "./checksummed.ts";
import { storageFailed } from "./storage-error.ts";

/** Policies with their last revisions, as JSON. */
export const POLICY_FILE: FileFormat = { magic: "weir-policies", version: 1 };

/**
 * Policies of a single server in one file, replaced whole at each change. Only one process may
 * write it: who holds the lock of its folder. A file that cannot be used is set aside and named in
 * the store's `problem`.
 * @throws MeshError STORAGE_FAILED when it exists and cannot be read.
 */
export function openPolicyFile(path: string, clock: Clock): PolicyStore {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw storageFailed("create", dirname(path), error);
  }
  const { createdMs, book, problem } = load(path, clock.wallMs());
  return new LocalPolicyStore({
    clock,
    createdMs,
    book,
    state: { kind: "file", where: path, isWritable: true, problem, note: "" },
    persist: (revisions) =>
      writeChecksummed(path, POLICY_FILE, [Buffer.from(bookToJson(createdMs, revisions))]),
  });
}

/**
 * The policies that a file of `openPolicyFile` holds now; the file stays as it is.
 * @throws MeshError INVALID_ARGUMENT when it is no such file, STORAGE_FAILED when it cannot be read.
 */
export function readPolicyFile(path: string): readonly ServicePolicy[] {
  const file = readChecksummed(path, POLICY_FILE);
  if (file.kind === "missing") {
    throw new MeshError("INVALID_ARGUMENT", `${path} does not exist; name a server's policy file`);
  }
  const content = file.kind === "ok" ? decode(file.body) : file.reason;
  if (typeof content === "string") {
    throw new MeshError("INVALID_ARGUMENT", `${path} is no file of policies: ${content}`);
  }
  return content.book.list().flatMap(({ policy }) => (policy === undefined ? [] : [policy]));
}

function load(
  path: string,
  wallMs: number,
): { createdMs: number; book: PolicyBook; problem: string } {
  const file = readChecksummed(path, POLICY_FILE);
  const fresh = { createdMs: wallMs, book: new PolicyBook() };
  if (file.kind === "missing") return { ...fresh, problem: "" };
  const content = file.kind === "ok" ? decode(file.body) : file.reason;
  if (typeof content !== "string") return { ...content, problem: "" };
  const aside = setAside(path);
  const problem = `${path} cannot be used: ${content}; it was set aside as ${aside}, and there are no policies until they are applied again`;
  return { ...fresh, problem };
}

/** @returns what is wrong with the body when it cannot be read. */
function decode(body: Buffer): { createdMs: number; book: PolicyBook } | string {
  try {
    const { createdMs, revisions } = bookFromJson(body.toString("utf8"));
    const book = new PolicyBook();
    for (const revision of revisions) book.record(revision);
    return { createdMs, book };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
