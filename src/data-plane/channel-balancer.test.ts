import { expect, test } from "vitest";
import { ChannelMesh } from "../../test/support/channel-mesh.ts";
import { endpoint } from "../../test/support/endpoint-updates.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import type { PolicyName } from "../core/balancing/policy.ts";
import type { Endpoint } from "../core/model/endpoint.ts";
import type { Port } from "../core/model/instance.ts";
import type { ChannelEndpoint, ChannelService } from "../ports/channel-balancing.ts";
import { FIRST_ANSWER_MS } from "./channel-balancer.ts";
import { grpcPort, LONGEST_RESPONSE_MS } from "./channel-endpoint.ts";

function opened(policy: PolicyName = "round_robin") {
  const clock = new FakeClock();
  const mesh = new ChannelMesh(policy, clock);
  const service = mesh.services.open(undefined, "orders");
  if (service === undefined) throw new Error("no room");
  let changes = 0;
  service.subscribe(() => {
    changes += 1;
  });
  return { clock, mesh, service, changeCount: () => changes };
}

function ids(endpoints: Iterable<ChannelEndpoint>): string[] {
  return Array.from(endpoints, ({ id }) => id);
}

function only(service: ChannelService): ChannelEndpoint {
  const [first] = service.endpoints();
  if (first === undefined) throw new Error("nobody is registered");
  return first;
}

const DRAINING = { state: "draining", revision: 1 } as const;

test("a service is waited for, is overdue after 5 s, and is known with the first answer", () => {
  const { clock, mesh, service, changeCount } = opened();
  expect(mesh.asked).toEqual(["default/orders"]);
  expect(service.state).toBe("waiting");
  clock.advance(FIRST_ANSWER_MS);
  expect(service.state).toBe("overdue");
  expect(changeCount()).toBe(1);
  mesh.has([endpoint("a")]);
  expect(service.state).toBe("known");
  expect(changeCount()).toBe(2);
  expect(ids(service.endpoints())).toEqual(["a"]);
});

test("a service that another channel has is known at once, and no timer is left", () => {
  const { clock, mesh } = opened();
  mesh.has([endpoint("a")]);
  const second = mesh.services.open("default", "orders");
  expect(second?.state).toBe("known");
  expect(ids(second?.endpoints() ?? [])).toEqual(["a"]);
  let changes = 0;
  second?.subscribe(() => {
    changes += 1;
  });
  clock.advance(2 * FIRST_ANSWER_MS);
  expect(changes).toBe(0);
});

test("what is no name is no service", () => {
  expect(opened().mesh.services.open(undefined, "Orders")).toBeUndefined();
});

test("an endpoint is the same object as long as its process and its address stay", () => {
  const { mesh, service } = opened();
  mesh.has([endpoint("a")]);
  const first = only(service);
  mesh.has([endpoint("a", { weight: 7 }), endpoint("b")]);
  expect(only(service)).toBe(first);
  mesh.has([endpoint("a", { port: 81 })]);
  expect(only(service)).not.toBe(first);
  expect(first.isLeaving).toBe(true);
  const second = only(service);
  mesh.has([endpoint("a", { port: 81, process: "a-2" })]);
  expect(only(service)).not.toBe(second);
  expect(second.isLeaving).toBe(true);
});

test("who drains is left alone, unless nobody else is there", () => {
  const { mesh, service } = opened();
  mesh.has([endpoint("a"), endpoint("b")]);
  const [a] = service.endpoints();
  mesh.has([endpoint("a", DRAINING), endpoint("b")]);
  expect(a).toMatchObject({ isLeaving: true, isWanted: false });
  expect(service.pick([])?.id).toBe("b");
  mesh.has([endpoint("a", DRAINING)]);
  expect(a).toMatchObject({ isLeaving: false, isWanted: true });
  expect(service.pick([])).toBe(a);
  mesh.has([endpoint("a", { ...DRAINING, revision: 2, state: "unhealthy" })]);
  expect(a).toMatchObject({ isLeaving: false, isWanted: false });
  expect(service.pick([])).toBeUndefined();
  expect(service.whyEmpty()).toMatch(/1 unhealthy/);
});

test("who cannot be reached is picked only when nobody else is there", () => {
  const { mesh, service } = opened();
  mesh.has([endpoint("a"), endpoint("b")]);
  const [a, b] = [...service.endpoints()];
  const unreachable = a === undefined ? [] : [a];
  for (let i = 0; i < 10; i++) expect(service.pick(unreachable)).toBe(b);
  expect(service.pick([...service.endpoints()])).toBeDefined();
});

test("a policy that hashes sends all channels of a process to one endpoint", () => {
  const { mesh, service } = opened("source_hash");
  mesh.has(["a", "b", "c", "d"].map((id) => endpoint(id)));
  const other = mesh.services.open(undefined, "orders");
  const picked = [service, other, service, other].map((channel) => channel?.pick([])?.id);
  expect(new Set(picked).size).toBe(1);
});

test.each([
  { what: "a quick answer", respondsMs: 5, endsMs: 5, outcome: "success", observedMs: 5 },
  { what: "a long stream", respondsMs: 5, endsMs: 7_200_000, outcome: "success", observedMs: 5 },
  { what: "a watch that ends", respondsMs: 5, endsMs: 50_000, outcome: "cancelled", observedMs: 5 },
  {
    what: "a slow answer",
    respondsMs: undefined,
    endsMs: 900,
    outcome: "success",
    observedMs: 900,
  },
  {
    what: "a stream without news",
    respondsMs: undefined,
    endsMs: LONGEST_RESPONSE_MS + 1,
    outcome: "success",
    observedMs: 0,
  },
  {
    what: "a call without answer",
    respondsMs: undefined,
    endsMs: LONGEST_RESPONSE_MS + 1,
    outcome: "failure",
    observedMs: LONGEST_RESPONSE_MS + 1,
  },
] as const)("$what counts as $observedMs ms", ({ respondsMs, endsMs, outcome, observedMs }) => {
  const { clock, mesh, service } = opened("peak_ewma");
  mesh.has([endpoint("a")]);
  clock.advance(1_000);
  const a = only(service);
  const beganAtMs = a.begin();
  expect(mesh.inFlight()).toEqual({ a: 1 });
  clock.advance(endsMs);
  a.end(outcome, beganAtMs, respondsMs === undefined ? undefined : beganAtMs + respondsMs);
  expect(mesh.inFlight()).toEqual({ a: 0 });
  const [load] = mesh.upstream().loads;
  expect(load?.decayedEwmaMs(clock.nowMs())).toBe(observedMs);
});

test("after it closed a channel hears nothing, and its calls still end", () => {
  const { clock, mesh, service, changeCount } = opened();
  mesh.has([endpoint("a")]);
  const a = only(service);
  const beganAtMs = a.begin();
  service.close();
  mesh.has([endpoint("b")]);
  clock.advance(2 * FIRST_ANSWER_MS);
  expect(changeCount()).toBe(1);
  a.end("success", beganAtMs, undefined);
  expect(mesh.idle).toEqual(["a"]);
});

const HTTP: Port = { name: "http", port: 80, protocol: "http1" };
const GRPC: Port = { name: "rpc", port: 81, protocol: "grpc" };

test.each([
  { ports: [HTTP, GRPC], named: undefined, gets: 81, because: "it speaks gRPC" },
  { ports: [HTTP], named: undefined, gets: 80, because: "it is the only one" },
  { ports: [HTTP, GRPC], named: "http", gets: 80, because: "the settings name it" },
  { ports: [HTTP, GRPC], named: "admin", gets: undefined, because: "there is none" },
])("port $gets of $ports when the settings say $named: $because", ({ ports, named, gets }) => {
  const several: Endpoint = { ...endpoint("a"), ports };
  expect(grpcPort(several, named)?.port).toBe(gets);
});
