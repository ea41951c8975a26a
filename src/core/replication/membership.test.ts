import { beforeEach, describe, expect, test } from "vitest";
import { aHeartbeat } from "../../../test/support/replication.ts";
import { FENCE_TTL_MS } from "../registry/fences.ts";
import { adopterOf } from "./adopter.ts";
import { Membership, type MembershipChange } from "./membership.ts";
import type { Heartbeat } from "./messages.ts";
import { OriginLog } from "./origin-log.ts";

const SELF = { replicaId: "a", epoch: 10 };
const WALL = 1_700_000_000_000;

let members: Membership;
let nowMs: number;
let told: string[];

function take(changes: readonly MembershipChange[]): void {
  for (const change of changes) {
    told.push("member" in change ? `${change.kind} ${change.member.replicaId}` : change.kind);
  }
}

/** A heartbeat of a replica that hears us. */
function beat(replicaId: string, epoch = 1, of: Partial<Heartbeat> = {}): void {
  const applied = [{ ...SELF, seq: 0, heardEpoch: SELF.epoch, silentMs: 100 }];
  const heartbeat = aHeartbeat(new OriginLog({ replicaId, epoch }), { applied, ...of });
  take(members.heard(heartbeat, nowMs, WALL));
}

/** Seconds pass, in which these replicas are heard. */
function pass(seconds: number, ...heard: string[]): void {
  for (let i = 0; i < seconds; i++) {
    nowMs += 1_000;
    for (const id of heard) beat(id);
    take(members.tick(nowMs));
  }
}

const stateOf = (id: string) =>
  members.members(nowMs).find(({ origin }) => origin.replicaId === id)?.state;

beforeEach(() => {
  nowMs = 0;
  told = [];
  members = new Membership(SELF, 0);
  for (const id of ["b", "c", "d"]) beat(id);
  told = [];
});

describe("a silent replica", () => {
  test("is suspect after 5 s and dead after 15 s", () => {
    pass(4, "b", "c");
    expect(told).toEqual([]);
    pass(10, "b", "c");
    expect(told).toEqual(["suspect d"]);
    pass(1, "b", "c");
    expect(told).toEqual(["suspect d", "dead d"]);
    expect(members.liveIds().sort()).toEqual(["a", "b", "c"]);
  });

  test("is alive again when it is heard, and joins anew when it was dead", () => {
    pass(6, "b", "c");
    beat("d");
    pass(15, "b", "c");
    beat("d");
    expect(told).toEqual(["suspect d", "alive d", "suspect d", "dead d", "joined d"]);
    pass(15, "b", "c");
    beat("d", 2);
    expect(told.at(-1)).toBe("restarted d");
  });

  test("that said goodbye is gone at once, and late messages do not bring it back", () => {
    take(members.left({ type: "control", origin: { replicaId: "d", epoch: 1 }, kind: "leave" }));
    take(members.left({ type: "control", origin: { replicaId: "d", epoch: 1 }, kind: "leave" }));
    beat("d");
    expect(told).toEqual(["left d"]);
    expect(stateOf("d")).toBe("left");
    beat("d", 2);
    expect(told).toEqual(["left d", "restarted d"]);
    take(members.left({ type: "control", origin: { replicaId: "d", epoch: 1 }, kind: "leave" }));
    expect(stateOf("d")).toBe("alive");
  });

  test("is forgotten after a day", () => {
    pass(16, "b", "c");
    nowMs += 25 * 3_600_000;
    take(members.tick(nowMs));
    expect(stateOf("d")).toBeUndefined();
    expect(stateOf("b")).toBe("alive");
  });
});

describe("who may be in trouble himself", () => {
  test("declares nobody dead when more than half vanish at once", () => {
    pass(60, "b");
    expect(told).toEqual(["isolated", "suspect c", "suspect d"]);
    expect(members.isIsolated).toBe(true);
    pass(1, "b", "c");
    expect(told.slice(3)).toEqual(["alive c", "connected", "dead d"]);
  });

  test("declares nobody dead without the bus, and gives all a whole round after it", () => {
    pass(4, "b", "c");
    take(members.busChanged(false, nowMs));
    pass(60);
    expect(told.filter((what) => what.startsWith("dead"))).toEqual([]);
    take(members.busChanged(true, nowMs));
    expect(told.at(-1)).toBe("connected");
    told = [];
    pass(14, "b", "c");
    expect(told).toEqual(["alive b", "alive c"]);
    pass(1, "b", "c");
    expect(told).toEqual(["alive b", "alive c", "dead d"]);
  });

  test("declares nobody dead after it stood still", () => {
    nowMs += 40_000;
    take(members.tick(nowMs));
    expect(told).toEqual(["paused"]);
    pass(20, "b", "c", "d");
    expect(told).toEqual(["paused"]);
  });

  test("waits longer when its loop is late or nobody hears it", () => {
    pass(1, "b", "c");
    expect(members.health.score).toBe(0);
    const deaf = { applied: [{ ...SELF, seq: 0, heardEpoch: SELF.epoch, silentMs: 60_000 }] };
    for (let i = 0; i < 20; i++) {
      nowMs += 1_000;
      for (const id of ["b", "c"]) beat(id, 1, deaf);
      take(members.tick(nowMs));
    }
    expect(members.health.score).toBe(8);
    expect(told).toEqual([]);
    pass(7, "b", "c");
    expect(members.health.score).toBe(1);
    members.health.late(999);
    expect(members.health.score).toBe(1);
    members.health.late(1_500);
    expect(members.health.patience).toBe(3);
  });

  test("knows when it was away for so long that ends were forgotten", () => {
    take(members.busChanged(false, nowMs));
    pass(FENCE_TTL_MS / 2_000 + 1);
    expect(told).not.toContain("stale");
    take(members.busChanged(true, nowMs));
    expect(told.filter((what) => what === "stale")).toHaveLength(1);
    told = [];
    nowMs += FENCE_TTL_MS / 2 + 5_000;
    take(members.tick(nowMs));
    expect(told).toEqual(["paused", "stale"]);
  });
});

test("of two processes with one id the lower epoch ends", () => {
  beat("a", SELF.epoch);
  beat("a", SELF.epoch + 1);
  beat("a", SELF.epoch - 1);
  expect(told).toEqual(["fenced", "duplicate"]);
});

test("another process with our id is known as long as it is heard", () => {
  expect(members.identity(nowMs)).toBe("sole");
  beat("a", SELF.epoch - 1);
  expect(members.identity(nowMs)).toBe("duplicate");
  beat("a", SELF.epoch + 1);
  expect(members.identity(nowMs)).toBe("fenced");
  expect(members.identity(nowMs + 5_000)).toBe("sole");
});

test("a heartbeat of an earlier life changes nothing", () => {
  beat("d", 5, { softwareVersion: "2", wallMs: WALL + 250 });
  beat("d", 4, { softwareVersion: "1" });
  const [view] = members.members(nowMs).filter(({ origin }) => origin.replicaId === "d");
  expect(view).toMatchObject({ softwareVersion: "2", clockOffsetMs: 250, silentMs: 0 });
  expect(told).toEqual(["restarted d"]);
});

test("noise of a thousand names is not remembered", () => {
  for (let i = 0; i < 2_000; i++) beat(`noise-${i}`);
  expect(members.members(nowMs)).toHaveLength(1_000);
});

describe("who takes over", () => {
  test("is one of the live ones, the same for all, and changes only with him", () => {
    const keys = Array.from({ length: 300 }, (_, i) => `default/orders/i${i}`);
    const of = (...ids: string[]) => keys.map((key) => adopterOf(key, ids));
    const before = of("a", "b", "c");
    expect(of("c", "a", "b")).toEqual(before);
    for (const id of ["a", "b", "c"]) {
      expect(before.filter((chosen) => chosen === id).length).toBeGreaterThan(60);
    }
    for (const [i, chosen] of of("a", "b").entries()) {
      if (before[i] !== "c") expect(chosen).toBe(before[i]);
    }
    expect(adopterOf("x", [])).toBeUndefined();
  });

  test("is this replica for its share of the keys", () => {
    pass(16, "b", "c");
    const mine = Array.from({ length: 300 }, (_, i) => `k${i}`).filter((key) =>
      members.isAdopter(key, "gone"),
    );
    expect(mine.length).toBeGreaterThan(60);
    expect(mine.length).toBeLessThan(140);
  });

  test("is never the one that held it and knows it no longer", () => {
    pass(16, "b", "c");
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    const mine = (formerId: string) => keys.filter((key) => members.isAdopter(key, formerId));
    const all = new Set([
      ...mine("b"),
      ...keys.filter((key) => adopterOf(key, ["a", "c"]) === "c"),
    ]);
    expect(mine("b").length).toBeGreaterThan(mine("gone").length);
    expect(all.size).toBe(keys.length);
  });
});
