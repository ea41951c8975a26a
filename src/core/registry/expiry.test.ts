import { beforeEach, describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../test/support/builders.ts";
import type { InstanceId, RegistrationId } from "../model/names.ts";
import { expireDue, rearmAll, wasPaused } from "./expiry.ts";
import { LeaseGroup } from "./lease.ts";
import type { InstanceRecord, RecordLeases } from "./record.ts";
import { Registry } from "./registry.ts";
import { DEFAULT_PRESERVATION, SelfPreservation } from "./self-preservation.ts";

let registry: Registry;
let guard: SelfPreservation;
let removed: string[];
let sessions: RecordLeases[];

/** `count` sessions with one instance each, in services of `perService`. */
function fleet(count: number, perService = count): void {
  removed = [];
  guard = new SelfPreservation();
  registry = new Registry({
    upserted: () => {},
    removed: ({ instance }) => removed.push(instance.id),
    serviceChanged: () => {},
    written: () => undefined,
    ended: () => undefined,
    handedOver: () => undefined,
  });
  sessions = Array.from({ length: count }, (_, i) => {
    const group = new LeaseGroup<InstanceRecord>(15_000, `s${i}`, 0);
    registry.leases.add(group);
    const instance = anInstance({
      id: `i${i}`,
      registrationId: `r${i}` as RegistrationId,
      service: `svc-${Math.floor(i / perService)}`,
    });
    const time = { nowMs: 0, wallMs: 1_700_000_000_000 };
    registry.register({ instance, defaults: undefined }, () => group, time);
    return group;
  });
}

/** Runs rounds each second; sessions from `silentCount` on keep beating. */
function run(fromMs: number, untilMs: number, silentCount: number): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 1_000) {
    for (const group of sessions.slice(silentCount)) registry.heard(group, nowMs);
    expireDue(registry, guard, { nowMs, wallMs: 1_700_000_000_000 + nowMs });
  }
}

const stateOf = (i: number, service = "default/svc-0") =>
  registry.find({
    ...aLease(`i${i}`),
    service: service as never,
    instanceId: `i${i}` as InstanceId,
  })?.endpoint.state;

beforeEach(() => fleet(100));

describe("while a replica is not heard, silence ends nobody", () => {
  const round = (nowMs: number, isAttached: boolean) => {
    for (const group of sessions.slice(1)) registry.heard(group, nowMs);
    const time = { nowMs, wallMs: 1_700_000_000_000 + nowMs };
    return expireDue(registry, guard, time, { isAttached: () => isAttached });
  };

  test("who went away may be there: nobody's, until nothing listens where it was", () => {
    expect(round(15_000, false)).toEqual({ silent: 0, refused: 0 });
    const [record] = registry.unowned.group.members();
    expect(record).toMatchObject({ id: "i0", isSuspect: true });
    expect(registry.unowned.group.size).toBe(1);
    // Heard again, the others change nothing about it: it was not asked yet.
    run(16_000, 60_000, 1);
    expect(stateOf(0)).toBe("suspect");
    if (record !== undefined) registry.unowned.refused(record);
    expect(round(61_000, false)).toEqual({ silent: 0, refused: 1 });
    expect(removed).toEqual(["i0"]);
  });

  test("who is attached here and silent stays its client's, and is well with its next beat", () => {
    expect(round(15_000, true)).toEqual({ silent: 0, refused: 0 });
    expect([stateOf(0), registry.unowned.group.size]).toEqual(["suspect", 0]);
    for (const group of sessions.slice(0, 1)) registry.heard(group, 16_000);
    expect(stateOf(0)).toBe("healthy");
    run(17_000, 40_000, 1);
    expect(removed).toEqual(["i0"]);
  });
});

describe("expiry", () => {
  test("takes a silent instance out once its lease ran out, not before", () => {
    run(0, 14_000, 1);
    expect(removed).toEqual([]);
    for (const group of sessions.slice(1)) registry.heard(group, 15_000);
    const time = { nowMs: 15_000, wallMs: 1_700_000_015_000 };
    expect(expireDue(registry, guard, time)).toEqual({ silent: 1, refused: 0 });
    expect(removed).toEqual(["i0"]);
  });

  test("lets fifteen of a hundred go within a minute", () => {
    fleet(100, 50);
    run(0, 17_000, 15);
    expect(removed).toHaveLength(15);
  });

  test("freezes when sixteen of a hundred are silent, and removes none of them", () => {
    fleet(100, 50);
    run(0, 60_000, 16);
    expect(removed).toEqual([]);
    expect(stateOf(0)).toBe("suspect");
    expect(guard.frozenScopes()[0]).toMatchObject({ scope: "fleet" });
    expect(guard.freezeCount).toBe(1);
  });

  test("thaws when the silent ones are heard again, and they are healthy at once", () => {
    fleet(100, 50);
    run(0, 60_000, 16);
    run(61_000, 63_000, 0);
    expect(stateOf(0)).toBe("healthy");
    expect(guard.frozenScopes()).toEqual([]);
    expect(removed).toEqual([]);
  });

  test("lets three of a small fleet go", () => {
    fleet(10);
    run(0, 20_000, 3);
    expect(removed).toHaveLength(3);
  });

  test("freezes one service that would lose more than half, and no other", () => {
    fleet(60, 4);
    run(0, 30_000, 3);
    expect(removed).toEqual([]);
    expect(guard.frozenScopes().map(({ scope }) => scope)).toEqual(["default/svc-0"]);
  });

  test("keeps a service's last endpoint for a day", () => {
    fleet(10, 1);
    run(0, 40_000, 1);
    expect(removed).toEqual([]);
    expect(stateOf(0)).toBe("suspect");
    const lateMs = 40_000 + DEFAULT_PRESERVATION.lastEndpointMs;
    run(lateMs, lateMs + 16_000, 1);
    expect(removed).toEqual(["i0"]);
  });

  test("after ten minutes lets real mass death through, one every ten seconds", () => {
    fleet(100, 50);
    const thawMs = 15_000 + DEFAULT_PRESERVATION.thawAfterMs;
    run(0, thawMs - 2_000, 30);
    expect(removed).toEqual([]);
    run(thawMs - 1_000, thawMs + 60_000, 30);
    expect(removed.length).toBeGreaterThanOrEqual(6);
    expect(removed.length).toBeLessThanOrEqual(8);
  });
});

describe("a pause of our own", () => {
  test.each([
    { last: { nowMs: 0, wallMs: 0 }, now: { nowMs: 1_000, wallMs: 1_000 }, paused: false },
    { last: { nowMs: 0, wallMs: 0 }, now: { nowMs: 3_001, wallMs: 3_001 }, paused: true },
    { last: { nowMs: 0, wallMs: 0 }, now: { nowMs: 1_000, wallMs: 600_000 }, paused: true },
  ])("$now.nowMs ms and $now.wallMs ms of wall time: $paused", ({ last, now, paused }) => {
    expect(wasPaused(last, now)).toBe(paused);
  });

  test("gives everybody a whole lease", () => {
    run(0, 5_000, 100);
    rearmAll(registry, 500_000);
    expireDue(registry, guard, { nowMs: 514_000, wallMs: 0 });
    expect(removed).toEqual([]);
    expect(guard.frozenScopes()).toEqual([]);
  });
});
