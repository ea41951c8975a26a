import { expect, test } from "vitest";
import { A, A_DRAINING, B, BASE, C, delta, snapshot } from "../../test/support/endpoint-updates.ts";
import { streamEnd } from "../../test/support/fake-streams.ts";
import { upstreamOf, watching } from "../../test/support/watching.ts";
import { ACK_DELAY_MS } from "./acknowledger.ts";

test("a drain reaches the picker first, then the count is reported, then the ACK", () => {
  const { source, table, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A, B]));
  const upstream = upstreamOf(table);
  const load = [...upstream.loads].find(({ endpoint: { id } }) => id === "a");
  if (load === undefined) throw new Error("a is not known");
  upstream.begin(load, 0);
  let pickedAtAck: string[] = [];
  const { last } = source;
  const acknowledge = last.acknowledge.bind(last);
  last.acknowledge = (acks) => {
    pickedAtAck = upstream.candidates.map(({ endpoint: { id } }) => id);
    acknowledge(acks);
  };
  last.listener.update(delta(1, [A_DRAINING, B], { upserts: [A_DRAINING] }));
  expect(pickedAtAck).toEqual(["b"]);
  expect(last.written.slice(-2)).toEqual(["in-flight", "ack"]);
  expect(last.reports).toMatchObject([{ instanceId: "a", registrationId: "a-1", count: 1 }]);
  upstream.end(load, "success", 0, clock.nowMs());
  expect(last.reports.map(({ count }) => count)).toEqual([1, 0]);
});

test("a request to the only endpoint left, after it was reported idle, is reported with the next change", () => {
  const { source, table, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A_DRAINING]));
  const upstream = upstreamOf(table);
  const load = upstream.pick(0, () => 0, 0, []);
  if (load === undefined) throw new Error("nobody can be picked");
  upstream.begin(load, 0);
  source.last.listener.update(delta(1, [A_DRAINING, B], { upserts: [B] }));
  clock.advance(ACK_DELAY_MS);
  expect(source.last.written.slice(-2)).toEqual(["in-flight", "ack"]);
  upstream.end(load, "success", 0, clock.nowMs());
  expect(source.last.reports.map(({ count }) => count)).toEqual([0, 1, 0]);
});

test("one that leaves in the middle of a request is reported before the ACK, and when it is idle", () => {
  const { source, table, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A_DRAINING, B]));
  const undrained = { ...A, operatorRevision: 2 };
  source.last.listener.update(delta(1, [undrained, B], { upserts: [undrained] }));
  const upstream = upstreamOf(table);
  const load = [...upstream.loads].find(({ endpoint: { id } }) => id === "a");
  if (load === undefined) throw new Error("a is not known");
  upstream.begin(load, 0);
  const evicted = { id: A.id, registrationId: A.registrationId, reason: "evicted" as const };
  source.last.listener.update(delta(2, [B], { removals: [evicted] }));
  expect(source.last.written.slice(-2)).toEqual(["in-flight", "ack"]);
  expect(source.last.reports.map(({ count }) => count)).toEqual([0, 1]);
  upstream.end(load, "success", 0, clock.nowMs());
  expect(source.last.reports.map(({ count }) => count)).toEqual([0, 1, 0]);
});

test("an idle draining endpoint is reported idle at once, and to every server anew", () => {
  const { source, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A_DRAINING, B]));
  expect(source.last.reports.map(({ count }) => count)).toEqual([0]);
  source.last.listener.end(streamEnd(1));
  clock.advance(1_000);
  source.last.welcome();
  source.last.listener.update({ ...BASE, kind: "resumed", version: 1 });
  expect(source.last.reports.map(({ instanceId, count }) => [instanceId, count])).toEqual([
    ["a", 0],
  ]);
});

test("a drain applied before a reconnect is reported to the next server with its first change", () => {
  const { source, clock } = watching();
  source.last.welcome();
  source.last.listener.update(snapshot([A_DRAINING, B]));
  source.last.listener.end(streamEnd(1));
  clock.advance(1_000);
  source.last.welcome();
  source.last.listener.update(delta(1, [A_DRAINING, B, C], { upserts: [C] }));
  expect(source.last.reports.map(({ instanceId, count }) => [instanceId, count])).toEqual([
    ["a", 0],
  ]);
});
