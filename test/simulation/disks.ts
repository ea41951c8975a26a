import { MeshError } from "../../src/core/model/mesh-error.ts";
import type { Random } from "../../src/core/model/random.ts";
import type { Knowledge, LastKnownGood, SavedKnowledge } from "../../src/ports/last-known-good.ts";
import type {
  JournalEntry,
  RegistryStore,
  SnapshotHeader,
  SnapshotRecord,
} from "../../src/ports/registry-store.ts";
import type { SimProcess } from "./sim-process.ts";
import type { Timeline } from "./timeline.ts";

/** What outlives the processes of one replica. */
export class ReplicaDisk {
  header: SnapshotHeader | undefined;
  records: readonly SnapshotRecord[] = [];
  journal: JournalEntry[] = [];
  /** Of one write, uniformly. */
  latencyMs: readonly [number, number] = [0.1, 5];
  isFull = false;
  /** Counts machines: what was on its way to the last one does not reach the next. */
  machine = 0;

  /** A new machine. */
  wipe(): void {
    this.machine++;
    this.header = undefined;
    this.records = [];
    this.journal = [];
  }
}

export interface DiskWorld {
  readonly timeline: Timeline;
  readonly random: Random;
}

/**
 * The store of one process on its replica's disk. Writes end in the order in which they began. What a
 * process that dies had begun may be on the disk afterwards, or not.
 */
export function storeOn(disk: ReplicaDisk, process: SimProcess, world: DiskWorld): RegistryStore {
  let lastMs = 0;
  const { machine } = disk;
  const write = (apply: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const { timeline, random } = world;
      const [min, max] = disk.latencyMs;
      lastMs = Math.max(lastMs, timeline.nowMs + min + random() * (max - min));
      timeline.after(lastMs - timeline.nowMs, () => {
        const reaches = disk.machine === machine && (process.isAlive || random() < 0.5);
        if (reaches && !disk.isFull) apply();
        process.run(() => {
          if (disk.isFull) reject(new MeshError("STORAGE_FAILED", "no space left on the disk"));
          else resolve();
        });
      });
    });
  return {
    load: () => ({
      header: disk.header,
      records: disk.records,
      journal: [...disk.journal],
      problems: [],
    }),
    appendJournal: (entry) => write(() => disk.journal.push(entry)),
    writeSnapshot(records, header) {
      const taken = [...records];
      const known = new Set(disk.journal);
      return write(() => {
        disk.header = header;
        disk.records = taken;
        disk.journal = disk.journal.filter((entry) => !known.has(entry));
      });
    },
    close: () => Promise.resolve(),
  };
}

/** An agent's file. */
export class AgentDisk {
  saved: SavedKnowledge | undefined;

  store(process: SimProcess, { timeline, random }: DiskWorld): LastKnownGood {
    return {
      load: () => this.saved,
      save: (known: Knowledge) =>
        new Promise((resolve) => {
          timeline.after(random() * 20, () => {
            if (!process.isAlive) return;
            this.saved = { ...known, savedAtWallMs: process.clock.wallMs() };
            process.run(resolve);
          });
        }),
    };
  }
}
