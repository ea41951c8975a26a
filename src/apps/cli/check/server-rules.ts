import type { ServerState } from "../../../ports/control-plane-api.ts";
import type { ProcessState } from "../../../ports/server-host.ts";
import { formatDuration } from "../duration.ts";
import { hostOf } from "./connection-rules.ts";
import type { CheckFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule, weir } from "./rule.ts";
import { isThisMachine } from "./this-machine.ts";

/** Leases and certificates bear 2 s; by 30 s timestamps contradict each other. */
const CLOCK_WARNING_MS = 2_000;
const CLOCK_ERROR_MS = 30_000;

/** Room for one bad day. */
const NEAR_LIMIT = 0.8;

const HEAP_ERROR = 0.95;

/** A person notices it, and heartbeats come late by it. */
const LAG_WARNING_MS = 200;

/** A third of the shortest lease: sessions begin to look silent. */
const LAG_ERROR_MS = 1_000;

const GIB = 2 ** 30;
const MIB = 2 ** 20;

/** Less than a tenth free matters only where that is little. */
const DISK_WARNING_SHARE = 0.1;
const DISK_WARNING_BYTES = 5 * GIB;

/** About a snapshot of 100,000 instances. */
const DISK_ERROR_BYTES = 64 * MIB;

/** Each agent holds a stream or two: what a middling fleet needs. Node raises the soft limit to the hard one by itself. */
const LOW_OPEN_FILES = 8_192;

type ServerCheck = (server: ServerState, facts: CheckFacts) => Found[] | undefined;

function ofServer(find: ServerCheck): Rule["find"] {
  return (facts) => facts.server && find(facts.server, facts);
}

function ofProcess(find: (process: ProcessState, server: ServerState) => Found[]): Rule["find"] {
  return ofServer((server) => server.process && find(server.process, server));
}

const inMib = (bytes: number): string =>
  bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.round(bytes / MIB)} MiB`;

const inPercent = (part: number, whole: number): string =>
  `${Math.round((part / Math.max(1, whole)) * 100)} %`;

export const SERVER_RULES: readonly Rule[] = [
  {
    id: "clock-offset",
    severity: "warning",
    title: "The clocks here and at the control plane differ by more than 2 s (error: 30 s)",
    why: "Certificates, logs and saved state are judged by wall clocks; with wrong ones a good certificate is refused and logs tell the wrong order.",
    find: ({ clock }) => {
      if (clock === undefined) return undefined;
      const { offsetMs, uncertaintyMs } = clock;
      const sureMs = Math.abs(offsetMs) - uncertaintyMs;
      return onlyIf(sureMs > CLOCK_WARNING_MS, () => ({
        subject: "clock",
        severity: sureMs > CLOCK_ERROR_MS ? "error" : "warning",
        what: `The server's clock is ${formatDuration(Math.abs(offsetMs))} ${offsetMs > 0 ? "ahead of" : "behind"} this machine's.`,
        fix: "timedatectl set-ntp true    # on both machines; `chronyc tracking` says which one is wrong",
      }));
    },
  },
  {
    id: "server-unsettled",
    severity: "warning",
    title: "The control plane started a moment ago and has not heard everybody",
    why: "Until it has settled agents remove nothing without a cause, and no drain is SAFE.",
    find: ofServer(({ isSettled, uptimeMs, replicaId }, facts) =>
      onlyIf(!isSettled, () => ({
        subject: `server ${replicaId}`,
        what: `It runs for ${formatDuration(uptimeMs)} and has not settled yet.`,
        fix: `${weir(facts, "check --wait 60s")}    # it settles by itself, after --settle-after or its longest restored lease`,
      })),
    ),
  },
  {
    id: "server-draining",
    severity: "error",
    title: "The control plane is shutting down",
    why: "It sends agents and clients away and refuses new ones; unless another one starts nobody can register.",
    find: ofServer(({ isDraining, replicaId }, { target }) =>
      onlyIf(isDraining, () => ({
        subject: `server ${replicaId}`,
        what: "It is shutting down.",
        fix: `weir server --listen ${target.address}    # start it again, or a successor, once it has ended`,
      })),
    ),
  },
  {
    id: "server-degraded",
    severity: "error",
    title: "Something of the control plane does not work, for example its journal or snapshot",
    why: "It goes on, but what it cannot write is lost with the next restart, and drains and goodbyes are refused.",
    find: ofServer(({ degraded, replicaId, stateDirectory, policyStore }) =>
      degraded
        .filter((what) => !isOfNats(what, policyStore))
        .map((what) => ({
          subject: `server ${replicaId}`,
          what: `Degraded: ${what}.`,
          fix: `ls -ld ${stateDirectory?.path || "STATE_DIR"} && df -h ${stateDirectory?.path || "STATE_DIR"}    # give it back to the server's user, or make room`,
        })),
    ),
  },
  {
    id: "limit-near",
    severity: "warning",
    title: "More than 80 % of a limit is used (error: all of it)",
    why: "At the limit whoever comes next is refused, which in a deploy is the new version.",
    find: ofServer(({ usage }, facts) => {
      if (usage.length === 0) return undefined;
      return usage
        .filter(({ used, limit }) => used >= limit * NEAR_LIMIT)
        .map(({ name, used, limit }) => ({
          subject: name,
          // Of fences the oldest goes when there is no room: nobody is refused.
          severity: used >= limit && name !== "fences" ? "error" : "warning",
          what: `${used} of ${limit} ${name} are in use (${inPercent(used, limit)}).`,
          fix: weir(facts, LIMIT_FIXES[name] ?? "health"),
        }));
    }),
  },
  {
    id: "no-state-directory",
    severity: "warning",
    title: "Registrations do not survive a restart of the control plane",
    why: "After a restart it knows nobody until all have come back, and drains and evictions are forgotten.",
    find: ofServer(({ stateDirectory, replicaId }) => {
      if (stateDirectory === undefined) return undefined;
      return onlyIf(stateDirectory.path === "", () => ({
        subject: `server ${replicaId}`,
        what: "It runs without a state directory.",
        fix: "weir server --state-dir /var/lib/weir",
      }));
    }),
  },
  {
    id: "state-directory-unusable",
    severity: "error",
    title: "The state directory is gone or cannot be written",
    why: "Drains and goodbyes are refused, because they could not be kept; a restart brings an old state back.",
    find: ofServer(({ stateDirectory }) => {
      if (stateDirectory === undefined || stateDirectory.path === "") return undefined;
      const { path, problem } = stateDirectory;
      return onlyIf(problem !== "", () => ({
        subject: path,
        what: `The state directory ${path} cannot be used: ${problem}.`,
        fix: `mkdir -p ${path} && chmod 700 ${path}    # owned by the user that the server runs as; then restart the server`,
      }));
    }),
  },
  {
    id: "disk-nearly-full",
    severity: "warning",
    title: "The state directory's disk is nearly full",
    why: "A snapshot needs room beside the former one; without room drains and goodbyes are refused.",
    find: ofServer(({ stateDirectory }) => {
      if (stateDirectory === undefined || stateDirectory.totalBytes === 0) return undefined;
      const { path, freeBytes, totalBytes } = stateDirectory;
      const isLow = freeBytes < totalBytes * DISK_WARNING_SHARE && freeBytes < DISK_WARNING_BYTES;
      return onlyIf(isLow || freeBytes < DISK_ERROR_BYTES, () => ({
        subject: path,
        severity: freeBytes < DISK_ERROR_BYTES ? "error" : "warning",
        what: `${inMib(freeBytes)} of ${inMib(totalBytes)} are free where ${path} is.`,
        fix: `du -xh ${path} | sort -h | tail    # make room, or move it: weir server --state-dir FOLDER`,
      }));
    }),
  },
  {
    id: "open-files-low",
    severity: "warning",
    title: "The control plane may open few files and sockets, or has nearly all of them open",
    why: "Each agent and each client holds a socket; beyond the limit connections are refused, agents after a restart first.",
    find: ofProcess(({ openFiles, openFilesLimit }) => {
      const isNear = openFiles > openFilesLimit * NEAR_LIMIT;
      return onlyIf(openFilesLimit > 0 && (isNear || openFilesLimit < LOW_OPEN_FILES), () => ({
        subject: "open files",
        severity: isNear ? "error" : "warning",
        what: `${openFiles} of at most ${openFilesLimit} files and sockets are open.`,
        fix: "ulimit -n 65536 && weir server    # systemd: LimitNOFILE=65536",
      }));
    }),
  },
  {
    id: "event-loop-lag",
    severity: "warning",
    title: "The control plane was late by more than 200 ms (error: 1 s)",
    why: "Everything waits that long: updates to agents, and the heartbeats that leases live on.",
    find: ofProcess(({ eventLoopLagMs }, { replicaId }) =>
      onlyIf(eventLoopLagMs > LAG_WARNING_MS, () => ({
        subject: `server ${replicaId}`,
        severity: eventLoopLagMs > LAG_ERROR_MS ? "error" : "warning",
        what: `Within the last 20 s its event loop stood still for ${formatDuration(eventLoopLagMs)}.`,
        fix: "top -H    # on its machine: give it a core of its own, and look whether it swaps",
      })),
    ),
  },
  {
    id: "heap-near-limit",
    severity: "warning",
    title: "The control plane's memory is nearly used up (80 %, error: 95 %)",
    why: "At the limit the process ends, and everybody comes back to the next one at once.",
    find: ofProcess(({ heapUsedBytes, heapLimitBytes }, { replicaId }) =>
      onlyIf(heapLimitBytes > 0 && heapUsedBytes > heapLimitBytes * NEAR_LIMIT, () => ({
        subject: `server ${replicaId}`,
        severity: heapUsedBytes > heapLimitBytes * HEAP_ERROR ? "error" : "warning",
        what: `${inMib(heapUsedBytes)} of ${inMib(heapLimitBytes)} of its heap are in use.`,
        fix: `NODE_OPTIONS=--max-old-space-size=${Math.ceil((2 * heapLimitBytes) / MIB)} weir server`,
      })),
    ),
  },
  {
    id: "plaintext-beyond-loopback",
    severity: "warning",
    title: "A port of the control plane speaks plaintext beyond its machine",
    why: "Whoever can reach the network reads and changes where requests go.",
    find: ofServer(({ listeners }) => {
      if (listeners.length === 0) return undefined;
      return listeners
        .filter(({ address, isTls }) => !isTls && !isThisMachine(hostOf(address)))
        .map(({ name, address }) => ({
          subject: address,
          what: `The ${name} port ${address} speaks plaintext and is not on loopback.`,
          fix:
            name === "admin"
              ? "weir server --admin 127.0.0.1:7401    # or with --tls-cert server.pem --tls-key server.key"
              : "weir server --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem",
        }));
    }),
  },
];

/** What is wrong with policies in NATS has rules of its own. */
function isOfNats(what: string, store: ServerState["policyStore"]): boolean {
  return store?.kind === "nats" && what === store.problem;
}

const LIMIT_FIXES: Readonly<Record<string, string>> = {
  instances: "services    # which ones are so many, and are they alive? evict what is not",
  services: "services    # forgotten ones leave an hour after their last instance",
  watches: "agents    # which ones are not needed?",
  sessions: "health    # one agent for many instances needs one session: instances in its settings",
  fences: "services    # something registers and leaves very often: look for a crash loop",
};
