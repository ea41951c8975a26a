import { expect, test } from "vitest";
import {
  A,
  A_DRAINING,
  B,
  C,
  delta,
  digestOf,
  endpoint,
  snapshot,
} from "../../test/support/endpoint-updates.ts";
import { streamEnd } from "../../test/support/fake-streams.ts";
import { watching } from "../../test/support/watching.ts";
import { serviceKey } from "../core/model/names.ts";
import { ACK_DELAY_MS } from "./acknowledger.ts";
import { MISMATCH_RETRY_MS } from "./endpoint-watch.ts";

const KEY = serviceKey("default", "orders");

test("subscribes only after the welcome, with what it holds", () => {
  const { source } = watching();
  expect(source.last.written).toEqual([]);
  source.last.welcome();
  expect(source.last.subscribed).toEqual([
    { namespace: "default", service: "orders", resume: undefined },
  ]);
});

test("a reconnect resumes at the last applied version", () => {
  const { source, clock } = watching();
  source.last.welcome(5);
  source.last.listener.update(snapshot([A, B], { version: 9 }));
  source.last.listener.end(streamEnd(14));
  clock.advance(1_000);
  expect(source.streams).toHaveLength(2);
  source.last.welcome(5);
  const resume = { epoch: 5, version: 9, digest: digestOf([A, B]) };
  expect(source.last.subscribed).toEqual([{ namespace: "default", service: "orders", resume }]);
});

test("2,500 services are subscribed to in three messages", () => {
  const services = Array.from({ length: 2_500 }, (_, i) => `s${i}`);
  const { source } = watching({ services });
  source.last.welcome();
  expect(source.last.written).toEqual(["subscribe", "subscribe", "subscribe"]);
  expect(source.last.subscribed).toHaveLength(2_500);
});

test("everything is asked for with what is held first, and unknown services appear", () => {
  const { source, table } = watching({ wantsAll: true });
  source.last.welcome();
  expect(source.last.subscribed.at(-1)).toBe("all");
  source.last.listener.update({ ...snapshot([A]), service: "surprise" });
  expect(table.lookup("default", "surprise")?.endpointCount).toBe(1);
});

test("acknowledges cumulatively after 100 ms", () => {
  const { source, clock } = watching();
  const { last } = source;
  last.welcome();
  last.listener.update(snapshot([A]));
  last.listener.update(delta(1, [A, B], { upserts: [B] }));
  clock.advance(ACK_DELAY_MS - 1);
  expect(last.acks).toEqual([]);
  clock.advance(1);
  expect(last.acks.map(({ nonce }) => [nonce.type, nonce.version])).toEqual([["endpoints", 2]]);
});

test.each([
  {
    name: "a removal",
    update: delta(1, [A], { removals: [{ ...removalOf(B), reason: "evicted" }] }),
  },
  { name: "a drain", update: delta(1, [A_DRAINING, B], { upserts: [A_DRAINING] }) },
  { name: "a rejection", update: delta(1, [badA(), B], { upserts: [badA()] }) },
])("acknowledges $name at once", ({ update }) => {
  const { source } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A, B]));
  source.last.listener.update(update);
  expect(source.last.acks.map(({ nonce }) => nonce.version)).toEqual([2]);
});

function badA() {
  return endpoint("a", { port: 0 });
}

function removalOf({ id, registrationId }: typeof A) {
  return { id, registrationId, reason: "deregistered" as const };
}

test("a rejected endpoint is named, and what an unsettled server leaves out is said to be held", () => {
  const { source, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A, B]));
  source.last.listener.update(delta(1, [badA(), B], { upserts: [badA()] }));
  source.last.listener.update(snapshot([C], { version: 3, settled: false }));
  clock.advance(ACK_DELAY_MS);
  const [rejecting, holding] = source.last.acks;
  expect(rejecting?.rejected.map(({ id }) => id)).toEqual(["a"]);
  expect(holding).toMatchObject({ held: true, nonce: { version: 3 } });
});

test("a missing version is asked for with the token, and again every 60 s", () => {
  const { source, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A]));
  source.last.listener.update(delta(4, [A, B], { upserts: [B] }));
  source.last.listener.update(delta(5, [A, B], {}));
  const asked = source.last.subscribed.slice(1);
  expect(asked).toEqual([
    {
      namespace: "default",
      service: "orders",
      resume: { epoch: 1, version: 1, digest: digestOf([A]) },
    },
  ]);
  for (let i = 0; i < 6; i++) {
    clock.advance(MISMATCH_RETRY_MS / 6);
    source.last.listener.heartbeat();
  }
  expect(source.last.subscribed).toHaveLength(3);
});

test("a digest that stays wrong is reported, and asked for at most every 60 s", () => {
  const { source, clock } = watching();
  source.last.welcome();
  const wrong = (version: number) => snapshot([A], { version, digest: digestOf([C]) });
  for (const version of [1, 2, 3, 4]) source.last.listener.update(wrong(version));
  expect(source.last.subscribed.slice(1)).toEqual([
    { namespace: "default", service: "orders", resume: undefined },
  ]);
  expect(source.last.acks.at(-1)?.digestMismatch).toBe(true);
  for (let i = 0; i < 6; i++) {
    clock.advance(MISMATCH_RETRY_MS / 6);
    source.last.listener.heartbeat();
  }
  expect(source.last.subscribed).toHaveLength(3);
  source.last.listener.update(snapshot([A], { version: 6 }));
  for (let i = 0; i < 12; i++) {
    clock.advance(MISMATCH_RETRY_MS / 6);
    source.last.listener.heartbeat();
  }
  expect(source.last.subscribed).toHaveLength(3);
});

test("beats with the server, and says goodbye at the end", async () => {
  const { source, clock, watch } = watching();
  source.last.welcome();
  for (let i = 0; i < 2; i++) {
    clock.advance(10_000);
    source.last.listener.heartbeat();
  }
  expect(source.last.written.slice(1)).toEqual(["heartbeat 1", "heartbeat 2"]);
  await watch.stop();
  expect(source.last.written.at(-1)).toBe("goodbye");
  expect(source.last.isClosed).toBe(true);
  clock.advance(100_000);
  expect(source.streams).toHaveLength(1);
});

test("updates of services that nobody wants are acknowledged, so that they clog nothing", () => {
  const { source, table, clock } = watching();
  source.last.welcome();
  source.last.listener.update({ ...snapshot([A]), service: "stranger" });
  clock.advance(ACK_DELAY_MS);
  expect(source.last.acks.map(({ nonce }) => nonce.service)).toEqual(["stranger"]);
  expect(table.entry(serviceKey("default", "stranger"))).toBeUndefined();
  expect(table.entry(KEY)?.origin).toBe("waiting");
});

test("the next hello shows how far the replicas were whose answers came", () => {
  const { clock, source } = watching();
  expect(source.hellos).toMatchObject([{ agentId: "a1", seen: [] }]);
  source.last.welcome();
  const positions = [{ replicaId: "r2", epoch: 5, sequence: 9 }];
  source.last.listener.update({ ...snapshot([A]), positions });
  source.last.listener.update({ ...delta(1, [A, B], { upserts: [B] }), positions: [] });
  source.last.listener.end(streamEnd(14));
  clock.advance(1);
  expect(source.hellos.at(-1)).toMatchObject({ agentId: "a1", seen: positions });
});
