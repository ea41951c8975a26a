/** One round of load on one proxy, and what it cost. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { cpuMs } from "./processes.ts";
import { HOST, type RunningProxy } from "./proxy-subject.ts";

/** Enough that a proxy is never idle, which with 32 it is for a tenth of the time. */
const CONNECTIONS = 64;

/** Two threads: the load must never be what limits. */
const THREADS = 2;

const ROUND_SECONDS = 2;

export interface Round {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the proxy's process for one request, in microseconds. */
  readonly cpuUs: number;
}

/** @throws Error when a request failed, or when wrk is not installed. */
export async function loadRound(proxy: RunningProxy): Promise<Round> {
  const before = cpuMs(proxy.pid);
  const output = await wrk(proxy.address);
  const spent = cpuMs(proxy.pid) - before;
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(`requests failed:\n${output}`);
  const requests = Number(/(\d+) requests in/.exec(output)?.[1]);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)$/m.exec(output)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)$/m.exec(output)?.[1]),
    cpuUs: (spent / requests) * 1_000,
  };
}

async function wrk(address: string): Promise<string> {
  const args = [`-t${THREADS}`, `-c${CONNECTIONS}`, `-d${ROUND_SECONDS}s`, "--latency"];
  args.push("-H", `Host: ${HOST}`, `http://${address}/`);
  try {
    return (await promisify(execFile)("wrk", args)).stdout;
  } catch (cause) {
    throw new Error("wrk did not run; is it installed? try: apt-get install wrk", { cause });
  }
}

/** wrk writes `850.00us`, `1.25ms` or `1.02s`. */
function milliseconds(text = ""): number {
  const value = Number.parseFloat(text);
  if (text.endsWith("us")) return value / 1_000;
  return text.endsWith("ms") ? value : value * 1_000;
}
