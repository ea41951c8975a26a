/** Three replicas behind one NATS server, each in a process of its own. */
import { freePort } from "../test/support/free-port.ts";
import { NatsServerProcess } from "../test/support/nats-server.ts";
import { pathOf, type Server, startProgram } from "./processes.ts";

const REPLICAS = ["a", "b", "c"];

export interface Replica extends Server {
  readonly replicaId: string;
  /** `HOST:PORT` of its HTTP port. */
  readonly admin: string;
}

export interface Cluster {
  readonly nats: NatsServerProcess;
  /** Of the NATS server's own figures. */
  readonly natsMonitor: string;
  readonly replicas: readonly [Replica, Replica, Replica];
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** A file in this folder that each replica runs first. */
  readonly preload?: string;
}

/** NATS with JetStream, as a cluster has it, and replicas without state directories that are settled at once. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const natsMonitor = `127.0.0.1:${await freePort()}`;
  const nats = await NatsServerProcess.start({
    hasJetStream: true,
    config: `http: "${natsMonitor}"`,
  });
  const replicas: Replica[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await nats.stop();
  };
  try {
    for (const replicaId of REPLICAS)
      replicas.push(await startReplica(replicaId, nats.url, options));
    const [a, b, c] = replicas;
    if (a === undefined || b === undefined || c === undefined) throw new Error("three replicas");
    return { nats, natsMonitor, replicas: [a, b, c], stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startReplica(
  replicaId: string,
  natsUrl: string,
  { preload }: ClusterOptions,
): Promise<Replica> {
  const address = `127.0.0.1:${await freePort()}`;
  const admin = `127.0.0.1:${await freePort()}`;
  const flags = preload === undefined ? [] : ["--import", pathOf(preload)];
  const command = [process.execPath, ...flags, pathOf("../src/apps/cli/main.ts"), "server"];
  command.push("--listen", address, "--admin", admin, "--advertise", address);
  command.push("--replica-id", replicaId, "--nats", natsUrl, "--settle-after", "0s");
  const isUp = async () => (await fetch(`http://${admin}/readyz`)).ok;
  const server = await startProgram(`replica ${replicaId}`, command, address, isUp);
  return { ...server, replicaId, admin };
}
