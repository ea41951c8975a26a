import { beforeEach, expect, test } from "vitest";
import { endpoint, type Looks, removal } from "../../../test/support/endpoint-updates.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../model/names.ts";
import { ServiceView } from "./service-view.ts";

let view: ServiceView;

const draining = (revision: number, more: Looks = {}) =>
  endpoint("a", { state: "draining", revision, ...more });

/** Since when agents send process `a-1` nothing more, by that decision. */
const outSince = (operatorRevision: number, process = "a-1") =>
  view.outSince({
    instanceId: "a" as InstanceId,
    registrationId: process as RegistrationId,
    operatorRevision,
  });

beforeEach(() => {
  view = new ServiceView("default/orders" as ServiceKey, "default", "orders", 0);
  view.upsert(endpoint("a"), 1);
});

test("a drain is known since the version that first told of it, whatever changed after", () => {
  expect(outSince(1)).toBeUndefined();
  expect(view.upsert(draining(1), 4)).toBe(true);
  expect(view.upsert(draining(1, { port: 81 }), 9)).toBe(false);
  view.upsert(endpoint("b"), 12);
  expect(outSince(1)).toBe(4);
});

test("a drain that was taken back counts no more, and a second one begins anew", () => {
  view.upsert(draining(1), 4);
  view.upsert(endpoint("a", { revision: 2 }), 5);
  expect(outSince(1)).toBeUndefined();
  view.upsert(draining(3), 6);
  expect(outSince(1)).toBe(6);
  expect(outSince(3)).toBe(6);
});

test("a higher revision begins anew also when nobody heard that it served in between", () => {
  view.upsert(draining(1), 4);
  expect(outSince(3)).toBeUndefined();
  expect(view.upsert(draining(3), 7)).toBe(true);
  expect(outSince(3)).toBe(7);
});

test("a process that left is out since it left, and its successor is another one", () => {
  view.upsert(draining(1), 4);
  view.remove(removal("a"), 5);
  expect(outSince(1)).toBe(5);
  view.upsert(draining(1, { process: "a-2" }), 6);
  expect(outSince(1)).toBeUndefined();
  expect(outSince(1, "a-2")).toBe(6);
  view.upsert(endpoint("a", { process: "a-3" }), 7);
  expect(outSince(1, "a-2")).toBeUndefined();
});
