import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { LastGoodPolicies, SavedPolicies } from "../../ports/last-good-policies.ts";
import { bookFromJson, bookToJson } from "../wire/policy-json.ts";
import { readChecksummed, setAside, writeChecksummed } from "./checksummed.ts";
import { POLICY_FILE } from "./policy-store.ts";

/**
 * The copy in a file of the same form as a single server's, so that `weir policy import` reads it too.
 * @param problem is told why a file that exists was not used.
 */
export function lastGoodPolicyFile(
  path: string,
  problem: (reason: string) => void,
): LastGoodPolicies {
  let waiting: SavedPolicies | undefined;
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      while (waiting !== undefined) {
        const { createdMs, revisions } = waiting;
        waiting = undefined;
        const body = Buffer.from(bookToJson(createdMs, revisions));
        await writeChecksummed(path, POLICY_FILE, [body]);
      }
    } finally {
      writing = undefined;
    }
  };
  return {
    load() {
      const file = readChecksummed(path, POLICY_FILE);
      if (file.kind === "missing") return undefined;
      const saved = file.kind === "ok" ? decode(file.body) : file.reason;
      if (typeof saved !== "string") return saved;
      problem(`${path} cannot be used: ${saved}; it was set aside as ${setAside(path)}`);
      return undefined;
    },
    save(policies) {
      waiting = policies;
      writing ??= write();
      return writing;
    },
  };
}

/** @returns what is wrong with the body when it cannot be read. */
function decode(body: Buffer): SavedPolicies | string {
  try {
    return bookFromJson(body.toString("utf8"));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
