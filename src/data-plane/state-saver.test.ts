import { expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { FakeLog } from "../../test/support/fake-streams.ts";
import { SAVE_DELAY_MS, StateSaver } from "./state-saver.ts";

function saving() {
  const clock = new FakeClock();
  const log = new FakeLog();
  const writes: (() => void)[] = [];
  let isBroken = false;
  const saver = new StateSaver({
    clock,
    log,
    content: () => ({ services: [], positions: [] }),
    store: {
      load: () => undefined,
      save: () =>
        isBroken
          ? Promise.reject(new Error("disk full"))
          : new Promise<void>((resolve) => {
              writes.push(resolve);
            }),
    },
  });
  return {
    clock,
    log,
    saver,
    writes,
    breakDisk() {
      isBroken = true;
    },
  };
}

/** Lets everything that is resolved by now go on. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

test("many changes become one write after 2 s, and those during a write another one", async () => {
  const { clock, saver, writes } = saving();
  for (let i = 0; i < 100; i++) saver.changed();
  clock.advance(SAVE_DELAY_MS - 1);
  expect(writes).toHaveLength(0);
  clock.advance(1);
  expect(writes).toHaveLength(1);
  saver.changed();
  clock.advance(10 * SAVE_DELAY_MS);
  expect(writes).toHaveLength(1);
  writes[0]?.();
  await settled();
  clock.advance(SAVE_DELAY_MS);
  expect(writes).toHaveLength(2);
});

test("a stop writes what is left, once", async () => {
  const { clock, saver, writes } = saving();
  saver.changed();
  const stopped = saver.stop();
  await settled();
  expect(writes).toHaveLength(1);
  writes[0]?.();
  await stopped;
  clock.advance(10 * SAVE_DELAY_MS);
  expect(writes).toHaveLength(1);
});

test("a stop without news writes nothing", async () => {
  const { saver, writes } = saving();
  await saver.stop();
  expect(writes).toHaveLength(0);
});

test("a disk that stays full is told once, and the agent goes on", async () => {
  const { clock, saver, log, breakDisk } = saving();
  breakDisk();
  for (let i = 0; i < 3; i++) {
    saver.changed();
    clock.advance(SAVE_DELAY_MS);
    await settled();
  }
  expect(log.saying("warn:")).toHaveLength(1);
});
