import { beforeEach, describe, expect, test } from "vitest";
import { aLease, anInstance } from "../../../test/support/builders.ts";
import type { Instance } from "../model/instance.ts";
import type { RegistrationId } from "../model/names.ts";
import { DEFAULT_REGISTRY_LIMITS, type RegisterInput } from "./admission.ts";
import { LeaseGroup } from "./lease.ts";
import type { InstanceRecord } from "./record.ts";
import { Registry } from "./registry.ts";

const WALL_MS = 1_700_000_000_000;
let changes: string[];
let registry: Registry;

function newRegistry(limits = DEFAULT_REGISTRY_LIMITS): Registry {
  changes = [];
  return new Registry(
    {
      upserted: ({ instance, endpoint }) =>
        changes.push(`+${instance.id} ${instance.registrationId} ${endpoint.state}`),
      removed: ({ instance }, reason) =>
        changes.push(`-${instance.id} ${instance.registrationId} ${reason}`),
      serviceChanged: ({ defaults }) => changes.push(`policy ${defaults?.policy}`),
      written: () => undefined,
      ended: () => undefined,
      handedOver: () => undefined,
    },
    limits,
  );
}

function register(instance: Instance, more: Partial<RegisterInput> = {}, nowMs = 0) {
  return registry.register(
    { instance, defaults: undefined, ...more },
    (leaseMs) => {
      const group = new LeaseGroup<InstanceRecord>(leaseMs, "", nowMs);
      registry.leases.add(group);
      return group;
    },
    { nowMs, wallMs: WALL_MS + nowMs },
  );
}

function registered(instance: Instance, more: Partial<RegisterInput> = {}) {
  const result = register(instance, more);
  if (result.kind !== "registered") throw new Error(`refused: ${result.kind}`);
  return result.record;
}

const named = (id: string): RegistrationId => id as RegistrationId;

beforeEach(() => {
  registry = newRegistry();
});

describe("registering", () => {
  test("tells listeners once, and not again for the same content", () => {
    registered(anInstance());
    registered(anInstance({ generation: 2 }));
    expect(changes).toEqual(["+a r1 healthy"]);
    expect(registry.find(aLease("a"))?.instance.generation).toBe(2);
  });

  test("by hand is the same registration each time, and a new one after goodbye", () => {
    const byHand = anInstance({ registrationId: named(""), generation: 0 });
    const first = registered(byHand);
    expect(registered(byHand).instance.registrationId).toBe(first.instance.registrationId);
    registry.remove(first, "deregistered", 0, WALL_MS);
    const second = registered(byHand).instance.registrationId;
    expect(second).not.toBe(first.instance.registrationId);
    expect(registered(byHand).instance.registrationId).toBe(second);
  });

  test("a second process takes the id over, and the first cannot come back", () => {
    registered(anInstance({ registrationId: named("old") }));
    registered(anInstance({ registrationId: named("new") }));
    const back = register(anInstance({ registrationId: named("old"), generation: 2 }));
    expect(back).toMatchObject({ kind: "superseded" });
    expect(back).toHaveProperty(
      "message",
      expect.stringContaining("registration new at 127.0.0.1:8080"),
    );
    expect(changes).toEqual(["+a old healthy", "-a old superseded", "+a new healthy"]);
  });

  test("a token from elsewhere shows who was first, so the older process loses", () => {
    const old = registered(anInstance({ registrationId: named("old") }));
    const hlc = old.firstRegisteredHlc;
    registry = newRegistry();
    registered(anInstance({ registrationId: named("new") }), { firstRegisteredHlc: hlc + 1_024 });
    const late = register(anInstance({ registrationId: named("old") }), {
      firstRegisteredHlc: hlc,
    });
    expect(late.kind).toBe("superseded");
    expect(registry.find(aLease("a"))?.instance.registrationId).toBe("new");
  });

  test("a token from the far future is not believed: it would win for ever", () => {
    const future = (WALL_MS + 3_600_000) * 1024;
    const record = registered(anInstance(), { firstRegisteredHlc: future });
    expect(record.firstRegisteredHlc).toBeLessThan(future);
  });

  test("an older attachment of the same process is told the generation to come back with", () => {
    registered(anInstance({ generation: 5 }));
    expect(register(anInstance({ generation: 4 }))).toMatchObject({
      kind: "stale-generation",
      atLeast: 6,
    });
  });

  test.each([
    { limits: { maxInstances: 1 }, subject: "instances" },
    { limits: { maxInstancesPerService: 1 }, subject: "default/orders" },
  ])("says which limit was reached: $subject", ({ limits, subject }) => {
    registry = newRegistry({ ...DEFAULT_REGISTRY_LIMITS, ...limits });
    registered(anInstance());
    expect(register(anInstance({ id: "b" }))).toMatchObject({ kind: "limit", subject });
    expect(registered(anInstance({ weight: 7 })).instance.weight).toBe(7);
  });
});

describe("endings", () => {
  test("expiry lets the same process come back with the next generation only", () => {
    const record = registered(anInstance({ generation: 3 }));
    registry.remove(record, "expired", 0, WALL_MS);
    expect(register(anInstance({ generation: 3 }))).toMatchObject({ atLeast: 4 });
    expect(registered(anInstance({ generation: 4 })).instance.generation).toBe(4);
  });

  test("expiry lets a registration by hand come back as it is", () => {
    const byHand = anInstance({ generation: 0 });
    registry.remove(registered(byHand), "expired", 0, WALL_MS);
    expect(registered(byHand).instance.generation).toBe(2);
  });

  test("renewing tells lost leases from superseded ones", () => {
    registered(anInstance({ registrationId: named("old") }));
    registered(anInstance({ registrationId: named("new") }));
    expect(registry.renew(aLease("a", "new"), 1)).toBe("renewed");
    expect(registry.renew(aLease("a"), 1)).toBe("renewed");
    expect(registry.renew(aLease("a", "old"), 1)).toBe("superseded");
    expect(registry.renew(aLease("b"), 1)).toBe("not-found");
  });
});

describe("the operator's part", () => {
  test("survives a re-attach, and ends with the process", () => {
    const record = registered(anInstance());
    expect(registry.setDraining(record, true)).toBe(1);
    registered(anInstance({ generation: 2, weight: 5 }));
    expect(registry.find(aLease("a"))?.endpoint).toMatchObject({ state: "draining", weight: 5 });
    registered(anInstance({ registrationId: named("r2") }));
    expect(registry.find(aLease("a"))?.endpoint).toMatchObject({
      state: "healthy",
      operatorRevision: 0,
    });
  });

  test("draining twice is one revision", () => {
    const record = registered(anInstance());
    registry.setDraining(record, true);
    expect(registry.setDraining(record, true)).toBe(1);
    expect(registry.setDraining(record, false)).toBe(2);
  });
});

describe("a service's defaults", () => {
  const say = (policy: string) => ({ defaults: { protocol: "http1" as const, policy } });

  test("are the oldest registration's while it lives, then the next one's", () => {
    const first = registered(anInstance({ id: "a" }), say("random"));
    registered(anInstance({ id: "b", registrationId: named("r2") }), say("peak_ewma"));
    const service = first.service;
    expect(service.defaults?.policy).toBe("random");
    expect(service.hasConflictingDefaults).toBe(true);
    registry.remove(first, "deregistered", 0, WALL_MS);
    expect(service.defaults?.policy).toBe("peak_ewma");
    expect(service.hasConflictingDefaults).toBe(false);
    expect(changes.filter((change) => change.startsWith("policy"))).toEqual([
      "policy random",
      "policy peak_ewma",
    ]);
  });

  test("stay when the oldest of those that agree leaves, and the next conflict is still seen", () => {
    const first = registered(anInstance({ id: "a" }), say("random"));
    registered(anInstance({ id: "b", registrationId: named("r2") }), say("random"));
    registry.remove(first, "deregistered", 0, WALL_MS);
    registered(anInstance({ id: "c", registrationId: named("r3") }), say("peak_ewma"));
    expect(first.service.defaults?.policy).toBe("random");
    expect(first.service.hasConflictingDefaults).toBe(true);
  });

  test("change when the only one that has them changes its mind", () => {
    const record = registered(anInstance(), say("random"));
    registered(anInstance({ generation: 2 }), say("peak_ewma"));
    expect(record.service.defaults?.policy).toBe("peak_ewma");
  });
});

test("a drained process that comes back after its lease ran out is still drained", () => {
  const record = registered(anInstance({ id: "a", generation: 1 }));
  registry.setDraining(record, true);
  registry.remove(record, "expired", 1_000, WALL_MS);
  const back = registered(anInstance({ id: "a", generation: 2 }));
  expect(back).toMatchObject({ isDraining: true, operatorRevision: 1 });
  expect(back.endpoint.state).toBe("draining");
  expect(registry.setDraining(back, false)).toBe(2);
});
