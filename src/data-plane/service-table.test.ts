import { expect, test } from "vitest";
import {
  A,
  B,
  BASE,
  digestOf,
  EPOCH,
  endpoint,
  snapshot,
} from "../../test/support/endpoint-updates.ts";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { FakeLog } from "../../test/support/fake-streams.ts";
import type { PolicyName } from "../core/balancing/policy.ts";
import type { ServiceUpdate } from "../core/discovery/update.ts";
import { serviceKey } from "../core/model/names.ts";
import { MAX_SERVICES, type ServiceEntry, ServiceTable } from "./service-table.ts";

const KEY = serviceKey("default", "orders");

function tableWith(
  options: { policy?: PolicyName; isPolicyFixed?: boolean; wantsAll?: boolean } = {},
) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const asked: string[] = [];
  let changes = 0;
  const table = new ServiceTable({
    clock,
    log,
    wantsAll: options.wantsAll ?? false,
    settingsOf: () => ({
      policy: options.policy ?? "least_request",
      connectTimeoutMs: 1,
      requestTimeoutMs: 1,
      idleTimeoutMs: 1,
      retryAttempts: 0,
      maxConnectionsPerEndpoint: 1,
    }),
    isPolicyFixed: () => options.isPolicyFixed ?? false,
    onSubscribe: (namespace, service) => asked.push(`${namespace}/${service}`),
    onIdle: () => undefined,
    onChange: () => {
      changes++;
    },
  });
  return { clock, log, asked, table, changeCount: () => changes };
}

function record(policy: string): ServiceUpdate {
  const defaults = { protocol: "http1" as const, policy };
  return {
    type: "service",
    namespace: "default",
    service: "orders",
    version: 1,
    settled: true,
    defaults,
  };
}

test("the first request subscribes, and everybody waits for the same answer", async () => {
  const { table, asked } = tableWith();
  const waits = [
    table.waitFor("default", "orders", 1_000),
    table.waitFor("default", "orders", 1_000),
  ];
  expect(asked).toEqual(["default/orders"]);
  expect(table.lookup("default", "orders")).toBeUndefined();
  table.apply(snapshot([A, B]), EPOCH);
  const [first, second] = await Promise.all(waits);
  expect(first?.endpointCount).toBe(2);
  expect(second).toBe(first);
  expect(table.lookup("default", "orders")).toBe(first);
});

test("pending is no answer, absent is one", async () => {
  const { table, clock } = tableWith();
  const waiting = table.waitFor("default", "orders", 1_000);
  table.apply({ ...BASE, kind: "pending", version: 0, settled: false }, EPOCH);
  clock.advance(1_000);
  expect(await waiting).toBeUndefined();
  table.apply({ ...BASE, kind: "absent", exists: false }, EPOCH);
  expect(table.lookup("default", "orders")?.endpointCount).toBe(0);
  expect(table.entry(KEY)?.exists).toBe(false);
});

test.each([
  ["default", "Orders"],
  ["default", "../etc"],
  ["", "orders"],
])("%s/%s is no name: nobody is asked", async (namespace, service) => {
  const { table, asked } = tableWith();
  expect(await table.waitFor(namespace, service, 1_000)).toBeUndefined();
  expect(asked).toEqual([]);
  expect(table.size).toBe(0);
});

test("a full table refuses, until a name that nobody registered makes room", async () => {
  const { table, log } = tableWith();
  for (let i = 0; i < MAX_SERVICES; i++) table.subscribe("default", `s${i}`);
  expect(await table.waitFor("default", "late", 1_000)).toBeUndefined();
  expect(await table.waitFor("default", "later", 1_000)).toBeUndefined();
  expect(log.saying("error:")).toHaveLength(1);
  table.apply({ ...BASE, service: "s7", kind: "absent", exists: false }, EPOCH);
  expect(table.subscribe("default", "late")?.key).toBe("default/late");
  expect(table.entry(serviceKey("default", "s7"))).toBeUndefined();
  expect(table.size).toBe(MAX_SERVICES);
});

test.each([
  { asks: "peak_ewma", isPolicyFixed: false, used: "peak_ewma", warnings: 0 },
  { asks: "", isPolicyFixed: false, used: "least_request", warnings: 0 },
  { asks: "quantum", isPolicyFixed: false, used: "least_request", warnings: 1 },
  { asks: "peak_ewma", isPolicyFixed: true, used: "least_request", warnings: 0 },
])(
  "a service that asks for '$asks' (fixed here: $isPolicyFixed) gets $used",
  ({ asks, isPolicyFixed, used, warnings }) => {
    const { table, log } = tableWith({ isPolicyFixed });
    table.subscribe("default", "orders");
    table.apply(record(asks), EPOCH);
    table.apply(record(asks), EPOCH);
    expect(table.entry(KEY)?.upstream.settings.policy).toBe(used);
    expect(log.saying("warn:")).toHaveLength(warnings);
    expect(table.entry(KEY)?.unknownPolicy).toBe(warnings === 0 ? "" : asks);
  },
);

test("what was saved is served, resumed from, and replaced by the first answer", () => {
  const first = tableWith();
  first.table.subscribe("default", "orders");
  first.table.apply(record("peak_ewma"), EPOCH);
  first.table.apply(snapshot([A, B], { version: 4 }), EPOCH);
  const services = first.table.saved();
  expect(first.changeCount()).toBe(2);

  const { table } = tableWith();
  table.restore(services);
  expect(table.lookup("default", "orders")?.endpointCount).toBe(2);
  expect(table.entry(KEY)).toMatchObject({ origin: "saved", defaults: { policy: "peak_ewma" } });
  expect(table.subscriptions()).toEqual([
    {
      namespace: "default",
      service: "orders",
      resume: { epoch: EPOCH, version: 4, digest: digestOf([A, B]) },
    },
  ]);
  table.apply(snapshot([A], { version: 9 }), EPOCH + 1);
  expect(table.lookup("default", "orders")?.endpointCount).toBe(1);
  expect(table.entry(KEY)?.origin).toBe("live");
});

test("an unsettled server does not empty what was saved", () => {
  const { table } = tableWith();
  const resume = { epoch: 1, version: 4, digest: digestOf([A]) };
  const saved = { namespace: "default", service: "orders", endpoints: [A], resume };
  table.restore([saved]);
  table.apply({ ...BASE, kind: "absent", exists: false, settled: false }, EPOCH);
  expect(table.lookup("default", "orders")?.candidates).toHaveLength(1);
  table.apply({ ...BASE, kind: "absent", exists: false, version: 2 }, EPOCH);
  expect(table.lookup("default", "orders")?.candidates).toHaveLength(0);
});

test("services without an answer or without endpoints are not saved", () => {
  const { table } = tableWith();
  table.subscribe("default", "waiting");
  table.subscribe("default", "orders");
  table.apply({ ...BASE, kind: "absent" }, EPOCH);
  expect(table.saved()).toEqual([]);
});

test("an update that changes nothing leaves the balancing alone", () => {
  const { table } = tableWith();
  table.subscribe("default", "orders");
  table.apply(snapshot([A, B]), EPOCH);
  const before = table.lookup("default", "orders")?.candidates;
  table.apply(snapshot([endpoint("a"), endpoint("b")], { version: 2 }), EPOCH);
  expect(table.lookup("default", "orders")?.candidates).toBe(before);
});

/** A service that somebody asked for. */
function subscribed(table: ServiceTable, service: string): ServiceEntry {
  const entry = table.subscribe("default", service);
  if (entry === undefined) throw new Error(`no room for ${service}`);
  return entry;
}

test("a follower hears of the first answer and of every change, until it stops", () => {
  const { table } = tableWith();
  const { upstream } = subscribed(table, "orders");
  const heard: number[] = [];
  const stop = table.follow(subscribed(table, "orders"), () => heard.push(upstream.endpointCount));
  table.apply({ ...BASE, kind: "pending", version: 0, settled: false }, EPOCH);
  expect(heard).toEqual([]);
  table.apply({ ...BASE, kind: "absent", exists: false }, EPOCH);
  table.apply(snapshot([A, B], { version: 2 }), EPOCH);
  table.apply(snapshot([A, B], { version: 3 }), EPOCH);
  table.apply(snapshot([A], { version: 4 }), EPOCH);
  expect(heard).toEqual([0, 2, 1]);
  stop();
  table.apply(snapshot([A, B], { version: 5 }), EPOCH);
  expect(heard).toHaveLength(3);
});

test("what is followed makes no room for others", () => {
  const { table } = tableWith();
  const stop = table.follow(subscribed(table, "s0"), () => undefined);
  for (let i = 1; i < MAX_SERVICES; i++) table.subscribe("default", `s${i}`);
  table.apply({ ...BASE, service: "s0", kind: "absent", exists: false }, EPOCH);
  expect(table.subscribe("default", "late")).toBeUndefined();
  stop();
  expect(table.subscribe("default", "late")?.key).toBe("default/late");
});
