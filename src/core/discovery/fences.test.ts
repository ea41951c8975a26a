import { expect, test } from "vitest";
import type { Removal } from "../model/endpoint.ts";
import type { InstanceId, RegistrationId } from "../model/names.ts";
import { Fences } from "./fences.ts";

function removal(process: string): Removal {
  return {
    id: "a" as InstanceId,
    registrationId: process as RegistrationId,
    reason: "deregistered",
  };
}

test("the oldest fence goes when there are too many", () => {
  const fences = new Fences(2);
  for (const process of ["p1", "p2", "p3"]) fences.removed(removal(process), undefined);
  const judge = (process: string) =>
    fences.judge({
      registrationId: process as RegistrationId,
      operatorRevision: 0,
      state: "healthy",
    } as Parameters<Fences["judge"]>[0]);
  expect(["p1", "p2", "p3"].map(judge)).toEqual(["allowed", "gone", "gone"]);
  expect(fences.size).toBe(2);
});

test("an undrained process leaves no fence behind", () => {
  const fences = new Fences();
  const process = { registrationId: "p1" as RegistrationId };
  type Judged = Parameters<Fences["judge"]>[0];
  fences.accepted({ ...process, operatorRevision: 1, state: "draining" } as Judged);
  expect(fences.size).toBe(1);
  fences.accepted({ ...process, operatorRevision: 2, state: "healthy" } as Judged);
  expect(fences.size).toBe(0);
});

test("the end of a process lowers no fence that its drain has raised", () => {
  const fences = new Fences();
  const at = (operatorRevision: number, state: string) =>
    ({ registrationId: "p1", operatorRevision, state }) as Parameters<Fences["judge"]>[0];
  fences.accepted(at(2, "draining"));
  // As a server that lost its disk lists it.
  fences.removed(removal("p1"), at(0, "draining"));
  expect(fences.judge(at(1, "draining"))).toBe("gone");
  expect(fences.judge(at(3, "healthy"))).toBe("allowed");
});
