import { expect, test } from "vitest";
import { dataPlaneConfig } from "../../test/support/data-plane-config.ts";
import { endpoint, snapshot } from "../../test/support/endpoint-updates.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { FakeAttachSource, FakeLog, FakeWatchSource } from "../../test/support/fake-streams.ts";
import type { Knowledge, SavedKnowledge } from "../ports/last-known-good.ts";
import { DataPlane } from "./data-plane.ts";
import { SAVE_DELAY_MS } from "./state-saver.ts";

const EARLIER = { replicaId: "r1", epoch: 1, sequence: 10 };
const LATER = { replicaId: "r2", epoch: 1, sequence: 20 };

/** One that watches `orders`, with a disk. */
function started(disk: { saved: SavedKnowledge | undefined }) {
  const clock = new FakeClock();
  const watchSource = new FakeWatchSource();
  const plane = new DataPlane(
    {
      id: () => "agent-1",
      config: dataPlaneConfig(["one:1"], ["orders"]),
      routes: [],
      accessLog: "off",
    },
    {
      softwareVersion: "1",
      clock,
      random: () => 0,
      log: new FakeLog(),
      newId: () => "p1",
      watchSource,
      attachSource: new FakeAttachSource(),
      prober: { probe: async () => ({ ok: true, detail: "" }) },
      lastKnownGood: {
        load: () => disk.saved,
        save: async (known: Knowledge) => {
          disk.saved = { ...known, savedAtWallMs: 0 };
        },
      },
      retirePool: () => undefined,
    },
  );
  plane.start();
  return { clock, watchSource };
}

test("what an agent has seen is kept on its disk with what it knows, and shown to the next server", () => {
  const disk: { saved: SavedKnowledge | undefined } = { saved: undefined };
  const { clock, watchSource } = started(disk);
  expect(watchSource.hellos).toMatchObject([{ seen: [] }]);
  watchSource.last.welcome();
  const positions = [EARLIER, LATER];
  watchSource.last.listener.update({ ...snapshot([endpoint("a")], { version: 1 }), positions });
  clock.advance(SAVE_DELAY_MS);
  expect(disk.saved).toMatchObject({ positions });
  expect(started(disk).watchSource.hellos).toMatchObject([{ seen: positions }]);
});
