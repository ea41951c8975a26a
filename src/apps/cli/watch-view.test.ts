import { beforeEach, expect, test } from "vitest";
import type { EndpointsUpdate } from "../../core/discovery/update.ts";
import { EMPTY_DIGEST } from "../../core/model/digest.ts";
import type { Endpoint, Removal } from "../../core/model/endpoint.ts";
import { NO_LOCALITY } from "../../core/model/instance.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import { type WatchEvent, WatchView } from "./watch-view.ts";

let view: WatchView;

beforeEach(() => {
  view = new WatchView(new Map());
});

function endpoint(id: string, changes: Partial<Endpoint> = {}): Endpoint {
  return {
    id: id as InstanceId,
    registrationId: "r1" as RegistrationId,
    address: { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port: 80, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    state: "healthy",
    metadata: new Map(),
    hash: 1n,
    operatorRevision: 0,
    ...changes,
  };
}

function removal(id: string, reason: Removal["reason"]): Removal {
  return { id: id as InstanceId, registrationId: "r1" as RegistrationId, reason };
}

function update(changes: Partial<EndpointsUpdate>): EndpointsUpdate {
  return {
    type: "endpoints",
    kind: "delta",
    namespace: "default",
    service: "orders",
    fromVersion: 1,
    version: 2,
    chunk: 0,
    isLastChunk: true,
    settled: true,
    exists: true,
    upserts: [],
    removals: [],
    digest: EMPTY_DIGEST,
    ...changes,
  };
}

/** `+a there already`, `-b expired`: as a person would note it down. */
function notes(events: readonly WatchEvent[]): string[] {
  const signs = { added: "+", changed: "~", removed: "-" };
  return events.map(({ kind, endpoint: { id }, reason }) => `${signs[kind]}${id} ${reason}`);
}

function snapshot(...upserts: Endpoint[]): EndpointsUpdate {
  return update({ kind: "snapshot", upserts });
}

test("the first snapshot shows what is there, later arrivals register", () => {
  expect(notes(view.apply(snapshot(endpoint("a"))))).toEqual(["+a there already"]);
  expect(notes(view.apply(update({ upserts: [endpoint("b")] })))).toEqual(["+b registered"]);
});

test("a service that was absent at first shows arrivals as registered", () => {
  view.apply(update({ kind: "absent", exists: false }));
  expect(notes(view.apply(update({ upserts: [endpoint("a")] })))).toEqual(["+a registered"]);
});

test("a removal says why", () => {
  view.apply(snapshot(endpoint("a")));
  const events = view.apply(update({ removals: [removal("a", "expired")] }));
  expect(notes(events)).toEqual(["-a expired"]);
});

test.each<{ changes: Partial<Endpoint>; says: string }>([
  { changes: { state: "draining" }, says: "healthy -> draining" },
  { changes: { weight: 50 }, says: "weight 100 -> 50" },
  { changes: { priority: 1 }, says: "priority 0 -> 1" },
  { changes: { registrationId: "r2" as RegistrationId }, says: "a new process" },
  {
    changes: { address: { kind: "ip", value: "127.0.0.2" } },
    says: "address 127.0.0.1:80 -> 127.0.0.2:80",
  },
  { changes: { hash: 2n }, says: "labels, ports or locality" },
  { changes: { state: "unhealthy", weight: 0 }, says: "healthy -> unhealthy, weight 100 -> 0" },
])("a change says what changed: $says", ({ changes, says }) => {
  view.apply(snapshot(endpoint("a")));
  expect(notes(view.apply(update({ upserts: [endpoint("a", changes)] })))).toEqual([`~a ${says}`]);
});

test("a snapshot after a lost connection shows only what changed meanwhile", () => {
  view.apply(snapshot(endpoint("a"), endpoint("b"), endpoint("c")));
  const events = view.apply(snapshot(endpoint("a"), endpoint("b", { weight: 1 }), endpoint("d")));
  expect(notes(events)).toEqual(["-c gone, unseen when", "~b weight 100 -> 1", "+d registered"]);
});

test("absence from a server that has not heard everybody removes nothing", () => {
  view.apply(snapshot(endpoint("a")));
  expect(view.apply(update({ kind: "snapshot", settled: false }))).toEqual([]);
  expect(view.apply(update({ kind: "absent", settled: false }))).toEqual([]);
  expect(notes(view.apply(update({ kind: "absent" })))).toEqual(["-a gone, unseen when"]);
});

test("chunks of a snapshot count together", () => {
  const first = update({ kind: "snapshot", isLastChunk: false, upserts: [endpoint("a")] });
  const last = update({ kind: "snapshot", chunk: 1, upserts: [endpoint("b")] });
  expect(view.apply(first)).toEqual([]);
  expect(notes(view.apply(last))).toEqual(["+a there already", "+b there already"]);
});

test("with a filter, an endpoint that loses its label leaves", () => {
  const labelled = new Map([["version", "v2"]]);
  view = new WatchView(labelled);
  const events = view.apply(snapshot(endpoint("a", { metadata: labelled }), endpoint("b")));
  expect(notes(events)).toEqual(["+a there already"]);
  expect(notes(view.apply(update({ upserts: [endpoint("a")] })))).toEqual([
    "-a its labels no longer match",
  ]);
});
