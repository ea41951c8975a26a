import { expect, test } from "vitest";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import { type Fence, Fences } from "./fences.ts";

const service = "default/orders" as ServiceKey;
const id = "a" as InstanceId;
const registration = "r-a" as RegistrationId;

function aFence(of: Partial<Fence>): Fence {
  return {
    serviceKey: service,
    instanceId: id,
    registrationId: registration,
    kind: "generation",
    generation: 1,
    hlc: 1,
    reason: "expired",
    ...of,
  };
}

function after(...fences: Fence[]): Fence | undefined {
  const known = new Fences();
  for (const [i, fence] of fences.entries()) known.add(fence, i);
  return known.find(service, id, registration);
}

test("a process that ended stays ended when an earlier expiry of it is told late", () => {
  const ended = aFence({ kind: "registration", reason: "deregistered" });
  expect(after(ended, aFence({ generation: 7 }))).toBe(ended);
});

test("of two attachments that ended the later one counts, in whichever order they are told", () => {
  const [former, later] = [aFence({ generation: 2 }), aFence({ generation: 3 })];
  expect(after(later, former)).toBe(later);
  expect(after(former, later)).toBe(later);
});

test("the end of a process replaces the end of its attachments", () => {
  const ended = aFence({ kind: "registration", reason: "evicted", generation: 0 });
  expect(after(aFence({ generation: 3 }), ended)).toBe(ended);
});
