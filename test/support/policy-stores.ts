import { join } from "node:path";
import { onTestFinished } from "vitest";
import { lastGoodPolicyFile } from "../../src/io/file/last-good-policies.ts";
import { openPolicyFile } from "../../src/io/file/policy-store.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { PolicyKv, type PolicyKvOptions } from "../../src/io/nats/policy-kv.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { PolicyStore } from "../../src/ports/policy-store.ts";
import { quietLog } from "./control-plane.ts";
import { INBOX_PREFIX, natsServer } from "./nats-bus.ts";
import { findNatsServer, type NatsServerProcess } from "./nats-server.ts";
import { scratchFolder } from "./scratch-folder.ts";
import { waitUntil } from "./wait-until.ts";

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
  {
    name: "JetStream",
    isHere: findNatsServer() !== undefined,
    start: async () => {
      const server = await natsServer({ hasJetStream: true });
      const path = join(scratchFolder(), "policies-last-good");
      const again = (): Promise<PolicyStore> => writableKv({ server, path });
      return { store: await again(), again };
    },
  },
];

/** The policies of one server of a cluster, which may never get to write any. */
export function policyKv(
  { server, path }: { readonly server: NatsServerProcess; readonly path: string },
  more: Partial<PolicyKvOptions> = {},
): PolicyKv {
  const store = new PolicyKv({
    servers: [server.url],
    name: "test",
    inboxPrefix: INBOX_PREFIX,
    clock: systemClock,
    random: Math.random,
    log: quietLog,
    bucket: "weir-policies-test",
    replicas: 1,
    lastGood: lastGoodPolicyFile(path, () => undefined),
    ...more,
  });
  onTestFinished(() => store.close());
  return store;
}

/** The same, once it can write. */
export async function writableKv(of: Parameters<typeof policyKv>[0]): Promise<PolicyKv> {
  const store = policyKv(of);
  await waitUntil("policies can be written", 20_000, () => store.state.isWritable);
  return store;
}
