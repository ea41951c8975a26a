/** Debian's etcd: three members on loopback with fresh data, as long as their turn lasts. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../test/support/free-port.ts";
import { type Server, startProgram } from "./processes.ts";

const BINARY = "/usr/bin/etcd";
const MEMBERS = 3;

export interface Etcd {
  /** Of each member, for clients. */
  readonly addresses: readonly string[];
  stop(): Promise<void>;
}

export function hasEtcd(): boolean {
  return existsSync(BINARY);
}

/** @param options beyond the defaults, for example `--unsafe-no-fsync` */
export async function startEtcd(options: readonly string[]): Promise<Etcd> {
  const folder = mkdtempSync(join(tmpdir(), "weir-bench-etcd-"));
  const members: { name: string; client: string; peer: string }[] = [];
  for (let i = 0; i < MEMBERS; i++) {
    const client = `127.0.0.1:${await freePort()}`;
    members.push({ name: `m${i}`, client, peer: `127.0.0.1:${await freePort()}` });
  }
  const all = members.map(({ name, peer }) => `${name}=http://${peer}`).join(",");
  const servers: Promise<Server>[] = members.map(({ name, client, peer }) => {
    const args = ["--name", name, "--data-dir", join(folder, name), "--log-level", "error"];
    args.push("--listen-client-urls", `http://${client}`);
    args.push("--advertise-client-urls", `http://${client}`);
    args.push("--listen-peer-urls", `http://${peer}`);
    args.push("--initial-advertise-peer-urls", `http://${peer}`, "--initial-cluster", all);
    const isUp = () =>
      fetch(`http://${client}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    return startProgram("etcd", [BINARY, ...args, ...options], client, isUp);
  });
  const stop = async (): Promise<void> => {
    const started = await Promise.allSettled(servers);
    await Promise.all(
      started.map((each) => (each.status === "fulfilled" ? each.value.stop() : undefined)),
    );
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all(servers);
  } catch (error) {
    await stop();
    throw error;
  }
  return { addresses: members.map(({ client }) => client), stop };
}
