import { beforeEach, describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../test/support/builders.ts";
import type { RegistrationId } from "../model/names.ts";
import { adopt } from "./adoption.ts";
import { expireDue, rearmAll } from "./expiry.ts";
import { applyForeign } from "./foreign-records.ts";
import { LeaseGroup } from "./lease.ts";
import type { InstanceRecord } from "./record.ts";
import { Registry } from "./registry.ts";
import { DEFAULT_PRESERVATION, SelfPreservation } from "./self-preservation.ts";

const WALL_MS = 1_700_000_000_000;
const DAY_MS = DEFAULT_PRESERVATION.lastEndpointMs;

let registry: Registry;
let guard: SelfPreservation;
let removed: string[];

/** Adopts `count` instances of a replica that is gone. */
function adopted(count: number): InstanceRecord[] {
  const theirs = new LeaseGroup<InstanceRecord>(15_000, "", 0, "gone");
  return Array.from({ length: count }, (_, i) => {
    const id = `i${i}`;
    const instance = anInstance({ id, registrationId: `r${i}` as RegistrationId });
    const part = { operatorRevision: 0, isDraining: false, isSuspect: false, adoption: 0 };
    const foreign = { instance, defaults: undefined, firstRegisteredHlc: 1_000, ...part };
    applyForeign(registry, theirs, foreign, { nowMs: 0, wallMs: WALL_MS, replicaId: "us" });
    const record = registry.find(aLease(id));
    if (record === undefined) throw new Error("it was not taken in");
    adopt(registry, record, registry.unowned.group, 0);
    registry.suspect(record, 0);
    return record;
  });
}

function rounds(fromMs: number, untilMs: number): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs += 1_000) {
    expireDue(registry, guard, { nowMs, wallMs: WALL_MS + nowMs });
  }
}

beforeEach(() => {
  removed = [];
  guard = new SelfPreservation();
  registry = new Registry({
    upserted: () => undefined,
    removed: ({ instance }, reason) => removed.push(`${instance.id} ${reason}`),
    serviceChanged: () => undefined,
    written: () => undefined,
    ended: () => undefined,
    handedOver: () => undefined,
  });
});

describe("what nobody owns", () => {
  test("does not expire by silence, however long", () => {
    adopted(3);
    rounds(0, 120_000);
    expect(removed).toEqual([]);
  });

  test("expires when nothing listens there, and its client may come back", () => {
    const [first] = adopted(3) as [InstanceRecord];
    registry.unowned.refused(first);
    rounds(0, 1_000);
    expect(removed).toEqual(["i0 expired"]);
    const fence = registry.fences.all()[0];
    expect(fence).toMatchObject({ kind: "generation", generation: 1, adoption: 1 });
  });

  test("stays when it answered meanwhile, or this process stood still", () => {
    const [first, second] = adopted(3) as [InstanceRecord, InstanceRecord];
    registry.unowned.refused(first);
    registry.unowned.answered(first);
    registry.unowned.refused(second);
    rearmAll(registry, 0);
    rounds(0, 5_000);
    expect(removed).toEqual([]);
  });

  test("goes within the budget only: of many at once none does", () => {
    for (const record of adopted(10)) registry.unowned.refused(record);
    rounds(0, 60_000);
    expect(removed).toEqual([]);
    expect(guard.frozenScopes()).not.toEqual([]);
  });

  test("is kept for a day when it is the last of its service", () => {
    const [only] = adopted(1) as [InstanceRecord];
    registry.unowned.refused(only);
    rounds(0, 60_000);
    expect(removed).toEqual([]);
    rounds(DAY_MS, DAY_MS + 1_000);
    expect(removed).toEqual(["i0 expired"]);
  });

  test("is renewed by its client like any other from then on", () => {
    const [first] = adopted(4) as [InstanceRecord];
    registry.unowned.refused(first);
    expect(registry.renew(aLease("i0"), 2_000)).toBe("renewed");
    expect(first.endpoint.state).toBe("healthy");
    rounds(2_000, 16_000);
    expect(removed).toEqual([]);
    rounds(17_000, 18_000);
    expect(removed).toEqual(["i0 expired"]);
  });
});
