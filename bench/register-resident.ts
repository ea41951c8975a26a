/** What resident instances and session beats cost a server. */
import { cpuMs, heldBytes, startBareWeirServer } from "./processes.ts";
import { RegisterFleet } from "./register-fleet.ts";
import { instanceBytes } from "./register-instances.ts";

const RESIDENT = 200_000;
const BATCH = 100;
/** Per client process: agents that keep a few hundred instances each. */
const SESSIONS = 200;
/** Per client process, with ten instances each. */
const BEATING_SESSIONS = 1_000;
const INSTANCES_PER_SESSION = 10;
const BEAT_MS = 3_000;
/** A few first, so that code and one-off buffers are in both readings. */
const WARM_UP = 3_000;

export interface HeapFigures {
  /** Beyond the encoded Instance. */
  readonly bytesPerInstance: number;
  readonly encodedBytes: number;
}

export async function measureHeap(): Promise<HeapFigures> {
  const fleet = new RegisterFleet();
  const server = await startBareWeirServer();
  try {
    const work = {
      kind: "attach",
      address: server.address,
      generation: 1,
      batch: BATCH,
      parallel: SESSIONS,
    } as const;
    await fleet.run({ ...work, first: RESIDENT, count: WARM_UP });
    const before = await heldBytes(server);
    await fleet.run({ ...work, first: 0, count: RESIDENT });
    const after = await heldBytes(server);
    const encodedBytes = instanceBytes(RESIDENT);
    return { bytesPerInstance: (after - before) / RESIDENT - encodedBytes, encodedBytes };
  } finally {
    await fleet.close();
    await server.stop();
  }
}

export interface BeatFigures {
  readonly cpuUsPerBeat: number;
  readonly beatsPerSecond: number;
}

export async function measureBeats(): Promise<BeatFigures> {
  const fleet = new RegisterFleet();
  const server = await startBareWeirServer();
  try {
    await fleet.run({
      kind: "attach",
      address: server.address,
      first: 0,
      count: BEATING_SESSIONS * INSTANCES_PER_SESSION * fleet.size,
      generation: 1,
      batch: INSTANCES_PER_SESSION,
      parallel: BEATING_SESSIONS,
    });
    await fleet.beat(server.address, BEAT_MS / 3);
    const before = cpuMs(server.pid);
    const { startedAtMs, endedAtMs, count } = await fleet.beat(server.address, BEAT_MS);
    return {
      cpuUsPerBeat: ((cpuMs(server.pid) - before) * 1_000) / count,
      beatsPerSecond: (count * 1_000) / (endedAtMs - startedAtMs),
    };
  } finally {
    await fleet.close();
    await server.stop();
  }
}
