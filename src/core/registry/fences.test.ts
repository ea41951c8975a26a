import { expect, test } from "vitest";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import { type Fence, Fences, isCovered } from "./fences.ts";

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

test("what an adopter found alive is ended by the adopter's word only", () => {
  const attachment = { registrationId: registration, generation: 2, adoption: 1 };
  expect(isCovered(attachment, aFence({ generation: 2 }))).toBe(false);
  expect(isCovered(attachment, aFence({ generation: 2, adoption: 1 }))).toBe(true);
  expect(isCovered({ ...attachment, adoption: 0 }, aFence({ generation: 2, adoption: 1 }))).toBe(
    true,
  );
  expect(isCovered(attachment, aFence({ generation: 3 }))).toBe(true);
});

test("what operators decided outlives the attachment that it was told of", () => {
  const drained = aFence({ generation: 2, operator: { revision: 3, isDraining: true } });
  const later = aFence({ generation: 3, adoption: 1 });
  expect(after(drained, later)).toEqual({ ...later, operator: drained.operator });
  expect(after(later, drained)).toEqual({ ...later, operator: drained.operator });
});

test("the end of a process replaces the end of its attachments", () => {
  const ended = aFence({ kind: "registration", reason: "evicted", generation: 0 });
  expect(after(aFence({ generation: 3 }), ended)).toBe(ended);
});
