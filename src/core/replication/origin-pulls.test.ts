import { beforeEach, describe, expect, test } from "vitest";
import { aRecord, CopyWorld } from "../../../test/support/replication.ts";
import { OriginLog } from "./origin-log.ts";

let world: CopyWorld;

const many = (count: number) => Array.from({ length: count }, (_, i) => aRecord(`i${i}`));

beforeEach(() => {
  world = new CopyWorld(new OriginLog({ replicaId: "a", epoch: 1 }));
});

describe("a pull", () => {
  test("asks for a chunk again that did not come, and begins anew with another server at last", () => {
    const servers: number[] = [];
    world.serverOf = (_, attempt) => {
      servers.push(attempt);
      return attempt === 0 ? "a" : "c";
    };
    world.beat();
    for (let i = 0; i < 200; i++, world.nowMs += 50) world.take(world.remote.tick(world.nowMs));
    expect(world.sent.map(({ server, request }) => `${server} ${request.session}`)).toEqual([
      ..."aaa".split("").map((server) => `${server} 1`),
      ..."cc".split("").map((server) => `${server} 2`),
    ]);
    expect(servers).toEqual([0, 1]);
  });

  test("of which chunks contradict each other, or their digest, begins anew", () => {
    world.write(many(3), true);
    world.beat();
    world.nowMs = 200;
    world.take(world.remote.tick(world.nowMs));
    const [effect] = world.sent.splice(0);
    if (effect === undefined) throw new Error("nothing was asked");
    const chunk = world.answerTo(effect);
    const wrong = { ...chunk, entries: chunk.entries.slice(1) };
    world.take(world.remote.pullReply(wrong, world.nowMs));
    expect(world.remote.set).toBeUndefined();
    expect(world.run(1_000)).toEqual(["full 0"]);
    expect(world.remote.set?.count).toBe(3);
  });

  test("waits while all of the replica's pulls are under way, and frees its own when it ends", () => {
    world.slots.take();
    world.slots.take();
    world.beat();
    expect(world.run(1_000)).toEqual([]);
    world.slots.release();
    expect(world.run(1_000)).toEqual(["full 0"]);
    expect(world.slots.take()).toBe(true);
  });

  test("that fails at once is tried again, also after a failure of everybody", () => {
    world.write(many(3), true);
    world.beat();
    for (let i = 0; i < 5; i++) {
      world.nowMs += 10_000;
      world.take(world.remote.tick(world.nowMs));
      for (const { request } of world.sent.splice(0)) {
        world.take(world.remote.pullFailed(request.session, world.nowMs));
      }
    }
    world.serverOf = () => undefined;
    expect(world.run(11_000)).toEqual([]);
    world.serverOf = () => "c";
    expect(world.run(11_000)).toEqual(["full 0"]);
    world.remote.close();
    expect(world.remote.dueMs).toBe(Number.POSITIVE_INFINITY);
  });
});
