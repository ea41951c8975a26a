import { join } from "node:path";
import { openPolicyFile } from "../../src/io/file/policy-store.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { PolicyStore } from "../../src/ports/policy-store.ts";
import { scratchFolder } from "./scratch-folder.ts";

/** One kind of store, for the suite that all kinds pass. */
export interface PolicyStoreWorld {
  readonly name: string;
  readonly isHere: boolean;
  /** An empty store; `again` opens what it kept anew, after it was closed. */
  start(): Promise<{ store: PolicyStore; again: (() => Promise<PolicyStore>) | undefined }>;
}

export const POLICY_STORE_WORLDS: readonly PolicyStoreWorld[] = [
  {
    name: "memory",
    isHere: true,
    start: async () => ({ store: memoryPolicyStore(systemClock), again: undefined }),
  },
  {
    name: "a file",
    isHere: true,
    start: async () => {
      const path = join(scratchFolder(), "state", "policies");
      const again = async (): Promise<PolicyStore> => openPolicyFile(path, systemClock);
      return { store: await again(), again };
    },
  },
];
