import { expect, test } from "vitest";
import { streamEnd } from "../../test/support/fake-streams.ts";
import { keeping, local, registered } from "../../test/support/keeping.ts";

const KEY = "default/orders/orders-1";

test("registers at the welcome, and beats at the server's pace", () => {
  const { clock, source, keeper } = keeping();
  expect(source.last.batches).toEqual([]);
  source.last.welcome();
  expect(registered(source)).toEqual([
    { id: "orders-1", process: "p1", generation: 1, health: "healthy", token: "" },
  ]);
  source.last.accept();
  expect(keeper.views()).toMatchObject([{ key: KEY, status: "registered", generation: 1 }]);
  clock.advance(4_999);
  expect(source.last.beats).toBe(0);
  clock.advance(1);
  expect(source.last.beats).toBe(1);
});

test("the shortest lease sets the pace of the beats", () => {
  const { clock, source } = keeping();
  source.last.welcome();
  source.last.accept("token", 1_000);
  clock.advance(3_000);
  expect(source.last.beats).toBe(3);
});

test("after a broken session it attaches as the same process, one generation up, with its token", () => {
  const { clock, source } = keeping();
  source.last.welcome();
  source.last.accept("proof");
  source.last.listener.end(streamEnd(14));
  clock.advance(1_000);
  expect(source.sessions).toHaveLength(2);
  source.last.welcome();
  expect(registered(source)).toMatchObject([{ process: "p1", generation: 2, token: "proof" }]);
});

test("a server that stops beating is left before the lease is over", () => {
  const { clock, source } = keeping();
  source.last.welcome();
  source.last.accept();
  clock.advance(9_999);
  source.last.listener.beat();
  clock.advance(9_999);
  expect(source.sessions).toHaveLength(1);
  clock.advance(1_000);
  expect(source.sessions).toHaveLength(2);
});

test("registers a probed instance with its first verdict, and reports the next ones", () => {
  const { source, keeper } = keeping([local("orders-1", true)]);
  source.last.welcome();
  expect(source.last.batches).toEqual([]);
  keeper.healthChanged(KEY, "unhealthy", "connection refused");
  expect(registered(source)).toMatchObject([{ health: "unhealthy", generation: 1 }]);
  keeper.healthChanged(KEY, "healthy", "");
  expect(source.last.healths).toEqual([
    {
      lease: {
        namespace: "default",
        service: "orders",
        instanceId: "orders-1",
        registrationId: "p1",
      },
      health: "healthy",
    },
  ]);
});

test.each(["superseded", "evicted"] as const)("%s is final, also in the next session", (kind) => {
  const { clock, log, source, keeper } = keeping([local("orders-1"), local("orders-2")]);
  source.last.welcome();
  source.last.accept();
  const lease = {
    namespace: "default",
    service: "orders",
    instanceId: "orders-1",
    registrationId: "p1",
  };
  source.last.listener.notice({ lease, kind, detail: "p9 at 10.0.0.9 holds it" });
  expect(keeper.views()).toMatchObject([
    { status: kind, detail: "p9 at 10.0.0.9 holds it" },
    { status: "registered" },
  ]);
  expect(log.saying("error:")).toHaveLength(1);
  source.last.listener.end(streamEnd(14));
  clock.advance(1_000);
  source.last.welcome();
  expect(registered(source).map(({ id }) => id)).toEqual(["orders-2"]);
});

test("reattach registers again, one generation up", () => {
  const { source } = keeping();
  source.last.welcome();
  source.last.accept();
  const lease = {
    namespace: "default",
    service: "orders",
    instanceId: "orders-1",
    registrationId: "p1",
  };
  source.last.listener.notice({ lease, kind: "reattach", detail: "the lease ran out" });
  expect(registered(source).map(({ generation }) => generation)).toEqual([1, 2]);
});

test.each([
  { code: 10, reason: "SUPERSEDED", status: "superseded", retryMs: undefined },
  { code: 3, reason: "INVALID_ARGUMENT", status: "refused", retryMs: 60_000 },
  { code: 8, reason: "LIMIT_REACHED", status: "away", retryMs: 5_000 },
])(
  "refused with $reason: $status, tried again after $retryMs",
  ({ code, reason, status, retryMs }) => {
    const { clock, source, keeper, log } = keeping();
    source.last.welcome();
    source.last.listener.registered(1, [{ kind: "refused", code, reason, message: "no" }]);
    expect(keeper.views()).toMatchObject([{ status, detail: "no" }]);
    expect(log.saying("error:")).toHaveLength(1);
    for (let elapsedMs = 0; elapsedMs < (retryMs ?? 120_000) - 1_000; elapsedMs += 1_000) {
      clock.advance(1_000);
      source.last.listener.beat();
    }
    expect(registered(source)).toHaveLength(1);
    clock.advance(1_000);
    expect(registered(source)).toHaveLength(retryMs === undefined ? 1 : 2);
  },
);

test("without instances there is no session", () => {
  expect(keeping([]).source.sessions).toEqual([]);
});

test("2,500 instances are registered in three batches, with one id each", () => {
  const { source } = keeping(Array.from({ length: 2_500 }, (_, i) => local(`orders-${i}`)));
  source.last.welcome();
  expect(source.last.batches.map(({ registrations }) => registrations.length)).toEqual([
    1_000, 1_000, 500,
  ]);
  expect(new Set(registered(source).map(({ process }) => process)).size).toBe(2_500);
});

test("an instance that is added later is registered in the open session", () => {
  const { source, keeper, changes } = keeping([]);
  expect(source.sessions).toHaveLength(0);
  keeper.add(local("late"));
  source.last.welcome();
  source.last.accept();
  keeper.add(local("later"));
  source.last.accept();
  expect(registered(source).map(({ id }) => id)).toEqual(["late", "later"]);
  expect(changes).toEqual(["late sent", "late registered", "later sent", "later registered"]);
});
