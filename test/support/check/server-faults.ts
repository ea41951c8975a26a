import { directory, type Fault, orders, process, server } from "./changes.ts";
import { aServerState } from "./facts.ts";

/** Faults of the server. */
export const SERVER_FAULTS: readonly Fault[] = [
  {
    id: "clock-offset",
    change: (well) => ({ ...well, clock: { offsetMs: -3_000, uncertaintyMs: 10 } }),
    says: /3s behind/,
    mends: /set-ntp/,
  },
  {
    id: "clock-offset",
    severity: "error",
    change: (well) => ({ ...well, clock: { offsetMs: 40_000, uncertaintyMs: 10 } }),
    says: /40s ahead/,
    mends: /set-ntp/,
  },
  {
    id: "server-unsettled",
    change: server({ isSettled: false }),
    says: /not settled/,
    mends: /--wait/,
  },
  {
    id: "server-draining",
    change: server({ isDraining: true }),
    says: /shutting/,
    mends: /weir server/,
  },
  {
    id: "server-degraded",
    change: server({ degraded: ["no room for the journal"] }),
    says: /no room/,
    mends: /df -h \/var\/lib\/weir/,
  },
  {
    id: "limit-near",
    change: server({ usage: [{ name: "watches", used: 16_000, limit: 20_000 }] }),
    says: /16000 of 20000 watches/,
    mends: /weir agents/,
  },
  {
    id: "limit-near",
    severity: "error",
    change: server({ usage: [{ name: "sessions", used: 20_000, limit: 20_000 }] }),
    says: /100 %/,
    mends: /weir health/,
  },
  {
    id: "no-state-directory",
    change: directory({ path: "" }),
    says: /without a state directory/,
    mends: /--state-dir/,
  },
  {
    id: "state-directory-unusable",
    change: directory({ problem: "EACCES" }),
    says: /EACCES/,
    mends: /mkdir -p \/state/,
  },
  {
    id: "disk-nearly-full",
    change: directory({ freeBytes: 1e9, totalBytes: 1e11 }),
    says: /MiB of/,
    mends: /du -xh \/state/,
  },
  {
    id: "disk-nearly-full",
    severity: "error",
    change: directory({ freeBytes: 1e6, totalBytes: 1e11 }),
    says: /1 MiB of/,
    mends: /--state-dir/,
  },
  {
    id: "open-files-low",
    change: process({ openFilesLimit: 1_024 }),
    says: /1024/,
    mends: /ulimit -n/,
  },
  {
    id: "open-files-low",
    severity: "error",
    change: process({ openFiles: 60_000, openFilesLimit: 65_536 }),
    says: /60000 of at most 65536/,
    mends: /LimitNOFILE/,
  },
  { id: "event-loop-lag", change: process({ eventLoopLagMs: 300 }), says: /300ms/, mends: /top/ },
  {
    id: "event-loop-lag",
    severity: "error",
    change: process({ eventLoopLagMs: 5_000 }),
    says: /5s/,
    mends: /top/,
  },
  {
    id: "heap-near-limit",
    change: process({ heapUsedBytes: 9e8 }),
    says: /858 MiB of 954 MiB/,
    mends: /--max-old-space-size=1908/,
  },
  {
    id: "heap-near-limit",
    severity: "error",
    change: process({ heapUsedBytes: 9.8e8 }),
    says: /MiB/,
    mends: /NODE_OPTIONS/,
  },
  {
    id: "plaintext-beyond-loopback",
    change: server({ listeners: [{ name: "grpc", address: "10.0.0.1:7400", isTls: false }] }),
    says: /10\.0\.0\.1:7400/,
    mends: /--tls-cert/,
  },
  {
    id: "expiry-frozen",
    change: (well) => ({
      ...orders({ id: "a", leaseRemainingMs: -1 }, { id: "b" })(well),
      server: aServerState({ frozen: [{ scope: "fleet", reason: "3 of 4", frozenForMs: 9_000 }] }),
    }),
    says: /9s: 3 of 4/,
    mends: /weir evict orders a {4}/,
  },
];
