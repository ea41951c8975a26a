import { beforeEach, describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../test/support/builders.ts";
import type { RegistrationId } from "../model/names.ts";
import { applyForeign, endForeign, type ForeignRecord } from "./foreign-records.ts";
import { LeaseGroup } from "./lease.ts";
import type { InstanceRecord } from "./record.ts";
import { Registry } from "./registry.ts";

const NOW = { nowMs: 0, wallMs: 1_700_000_000_000, replicaId: "replica-a" };
const named = (id: string): RegistrationId => id as RegistrationId;

let told: string[];
let ends: string[];
let registry: Registry;
let theirs: LeaseGroup<InstanceRecord>;
let others: LeaseGroup<InstanceRecord>;

beforeEach(() => {
  told = [];
  ends = [];
  registry = new Registry({
    upserted: ({ instance, endpoint }) =>
      told.push(`+${instance.registrationId} ${instance.generation} ${endpoint.state}`),
    removed: ({ instance }, reason) => told.push(`-${instance.registrationId} ${reason}`),
    serviceChanged: () => undefined,
    written: ({ instance }) => told.push(`wrote ${instance.registrationId} ${instance.generation}`),
    ended: ({ registrationId }) => ends.push(registrationId),
    handedOver: ({ instance }) => told.push(`handed over ${instance.registrationId}`),
  });
  theirs = new LeaseGroup<InstanceRecord>(15_000, "", 0, "replica-b");
  others = new LeaseGroup<InstanceRecord>(15_000, "", 0, "replica-c");
});

function foreign(of: Parameters<typeof anInstance>[0] = {}, more: Partial<ForeignRecord> = {}) {
  return {
    instance: anInstance(of),
    defaults: undefined,
    firstRegisteredHlc: 1_000,
    operatorRevision: 0,
    isDraining: false,
    isSuspect: false,
    adoption: 0,
    ...more,
  };
}

function registerHere(of: Parameters<typeof anInstance>[0] = {}, firstRegisteredHlc = 1_000) {
  const result = registry.register(
    { instance: anInstance(of), defaults: undefined, firstRegisteredHlc },
    (leaseMs) => new LeaseGroup<InstanceRecord>(leaseMs, "session", 0),
    NOW,
  );
  if (result.kind !== "registered") throw new Error(result.message);
  return result.record;
}

const fenceOf = (record: ForeignRecord, kind: "registration" | "generation") => ({
  ...{ serviceKey: aLease("a").service, instanceId: record.instance.id, kind },
  registrationId: record.instance.registrationId,
  generation: record.instance.generation,
  hlc: 2_000,
  reason: kind === "registration" ? ("deregistered" as const) : ("expired" as const),
});

describe("what another replica owns", () => {
  test("is served, without a lease of ours and without being written again", () => {
    expect(applyForeign(registry, theirs, foreign(), NOW)).toBe("applied");
    expect(registry.find(aLease("a"))?.isOwn).toBe(false);
    expect(told).toEqual(["+r1 1 healthy"]);
  });

  test("its owner changes it as he likes, a new process included", () => {
    applyForeign(registry, theirs, foreign(), NOW);
    applyForeign(registry, theirs, foreign({}, { isSuspect: true }), NOW);
    const successor = foreign({ registrationId: named("r2") }, { firstRegisteredHlc: 2_000 });
    applyForeign(registry, theirs, successor, NOW);
    expect(told).toEqual(["+r1 1 healthy", "+r1 1 suspect", "-r1 superseded", "+r2 1 healthy"]);
    expect(applyForeign(registry, others, foreign({ generation: 9 }), NOW)).toBe("fenced");
  });

  test("becomes ours when its client attaches here, and only with a higher generation", () => {
    applyForeign(registry, theirs, foreign({ generation: 3 }), NOW);
    const stale = registry.register(
      { instance: anInstance({ generation: 2 }), defaults: undefined },
      (leaseMs) => new LeaseGroup<InstanceRecord>(leaseMs, "session", 0),
      NOW,
    );
    expect(stale.kind).toBe("stale-generation");
    expect(registerHere({ generation: 4 }).isOwn).toBe(true);
    expect(applyForeign(registry, theirs, foreign({ generation: 3 }), NOW)).toBe("outranked");
    expect(told).toEqual(["+r1 3 healthy", "wrote r1 4"]);
  });

  test("is not ended by who does not own it any more, except for good", () => {
    applyForeign(registry, theirs, foreign(), NOW);
    registerHere({ generation: 2 });
    expect(endForeign(registry, fenceOf(foreign(), "generation"), 0)).toBe(false);
    expect(registry.find(aLease("a"))).toBeDefined();
    expect(endForeign(registry, fenceOf(foreign(), "registration"), 0)).toBe(true);
    expect(applyForeign(registry, others, foreign({ generation: 9 }), NOW)).toBe("fenced");
    expect(told.at(-1)).toBe("-r1 deregistered");
  });
});

test("a process is over once it is seen beside a later one, whichever came first", () => {
  const later = foreign({ registrationId: named("later") }, { firstRegisteredHlc: 2_000 });
  const former = foreign({ registrationId: named("former"), generation: 7 });
  applyForeign(registry, theirs, later, NOW);
  expect(applyForeign(registry, others, former, NOW)).toBe("outranked");
  expect(ends).toEqual(["former"]);
  endForeign(registry, fenceOf(later, "registration"), 0);
  expect(applyForeign(registry, others, former, NOW)).toBe("fenced");
});

test("a drain that a peer knows of reaches the later attachment", () => {
  registerHere({ generation: 3 });
  const drained = foreign({ generation: 2 }, { operatorRevision: 1, isDraining: true });
  expect(applyForeign(registry, theirs, drained, NOW)).toBe("outranked");
  expect(registry.find(aLease("a"))).toMatchObject({ isOwn: true, isDraining: true });
  expect(told.slice(-2)).toEqual(["wrote r1 3", "+r1 3 draining"]);
});

test("one attachment at two owners belongs to the same one for all", () => {
  applyForeign(registry, theirs, foreign(), NOW);
  expect(applyForeign(registry, others, foreign(), NOW)).toBe("applied");
  expect(applyForeign(registry, theirs, foreign(), NOW)).toBe("outranked");
});

describe("what we own", () => {
  test("is handed over to where its client attached", () => {
    registerHere();
    expect(applyForeign(registry, theirs, foreign({ generation: 2 }), NOW)).toBe("applied");
    expect(told).toEqual(["wrote r1 1", "+r1 1 healthy", "handed over r1"]);
  });

  test("stays against an older process of the same id, and ends for a newer one", () => {
    registerHere({ registrationId: named("mine") }, 2_000);
    const older = foreign({ registrationId: named("old") }, { firstRegisteredHlc: 1_000 });
    expect(applyForeign(registry, theirs, older, NOW)).toBe("outranked");
    const newer = foreign({ registrationId: named("new") }, { firstRegisteredHlc: 3_000 });
    expect(applyForeign(registry, theirs, newer, NOW)).toBe("applied");
    expect(told).toEqual(["wrote mine 1", "+mine 1 healthy", "-mine superseded", "+new 1 healthy"]);
  });

  test("keeps a drain that its new owner has not heard of", () => {
    registry.setDraining(registerHere(), true);
    applyForeign(registry, theirs, foreign({ generation: 2 }), NOW);
    expect(registry.find(aLease("a"))).toMatchObject({ isDraining: true, operatorRevision: 1 });
    const undrained = foreign({ generation: 2 }, { operatorRevision: 2 });
    applyForeign(registry, theirs, undrained, NOW);
    expect(registry.find(aLease("a"))?.isDraining).toBe(false);
  });
});

test("two replicas that hear two records in either order agree", () => {
  const records = [
    foreign({ registrationId: named("x"), generation: 3 }),
    foreign({ registrationId: named("y") }, { firstRegisteredHlc: 1_000 }),
    foreign({ registrationId: named("x"), generation: 4 }, { adoption: 1 }),
  ];
  const winners = [records, records.toReversed()].map((order) => {
    const replica = new Registry({
      upserted: () => undefined,
      removed: () => undefined,
      serviceChanged: () => undefined,
      written: () => undefined,
      ended: () => undefined,
      handedOver: () => undefined,
    });
    for (const [i, record] of order.entries()) {
      const owner = new LeaseGroup<InstanceRecord>(15_000, "", 0, `replica-${i}`);
      applyForeign(replica, owner, record, NOW);
    }
    return replica.find(aLease("a"))?.instance.registrationId;
  });
  expect(winners).toEqual(["y", "y"]);
});
