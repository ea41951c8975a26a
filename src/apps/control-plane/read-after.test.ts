import { beforeEach, expect, test } from "vitest";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { OriginPosition } from "../../core/discovery/seen-positions.ts";
import { CATCH_UP_MS, GIVE_UP_MS } from "./read-after.ts";
import type { ControlPlane } from "./start.ts";

const SEEN: OriginPosition[] = [{ replicaId: "r2", epoch: 5, sequence: 9 }];

/** Each question of the replica, answered by the test. */
let asked: {
  readonly seen: readonly OriginPosition[];
  readonly timeoutMs: number;
  readonly answer: (isCaughtUp: boolean) => Promise<void>;
}[];
let plane: ControlPlane;

beforeEach(() => {
  asked = [];
  const clock = new FakeClock();
  const whenCaughtUp = (seen: readonly OriginPosition[], timeoutMs: number) =>
    new Promise<boolean>((resolve) => {
      const answer = async (isCaughtUp: boolean) => {
        resolve(isCaughtUp);
        await new Promise((done) => setImmediate(done));
      };
      asked.push({ seen, timeoutMs, answer });
    });
  plane = aControlPlane(clock, { whenCaughtUp });
  clock.advance(10);
  plane.replica.register(anInput({ id: "a", registrationId: "r-a" as never }));
  clock.advance(10);
});

const agentThatSaw = (seen: readonly OriginPosition[]) =>
  new TestAgent(plane, "agent", true, seen).watch();

test("an agent that saw nothing elsewhere is answered at once", () => {
  expect(agentThatSaw([]).told).toEqual(["snapshot>1 +a:healthy"]);
  expect(asked).toEqual([]);
});

test("an agent that saw more waits, and is then answered for good", async () => {
  const agent = agentThatSaw(SEEN);
  expect(agent.told).toEqual([]);
  expect(asked).toMatchObject([{ seen: SEEN, timeoutMs: CATCH_UP_MS }]);
  await asked[0]?.answer(true);
  expect(agent.told).toEqual(["snapshot>1 +a:healthy"]);
  expect(asked).toHaveLength(1);
});

test("what was heard a moment ago is in the answer that is for good", async () => {
  const agent = agentThatSaw(SEEN);
  plane.replica.register(anInput({ id: "b", registrationId: "r-b" as never }));
  plane.replica.register(anInput({ id: "c", registrationId: "r-c" as never }));
  await asked[0]?.answer(true);
  // Two chunks of one snapshot.
  expect(agent.told).toEqual(["snapshot>3 +a:healthy +b:healthy", "snapshot>3 +c:healthy"]);
});

test("a replica that is still behind answers unsettled, and settles when it has caught up", async () => {
  const agent = agentThatSaw(SEEN);
  const other = agentThatSaw([]);
  await asked[0]?.answer(false);
  expect(agent.told).toEqual(["snapshot>1 +a:healthy unsettled"]);
  plane.replica.register(anInput({ id: "b", registrationId: "r-b" as never }));
  expect(agent.told.at(-1)).toBe("delta 1>2 +b:healthy unsettled");
  expect(other.told.at(-1)).toBe("delta 1>2 +b:healthy");
  expect(asked[1]).toMatchObject({ seen: SEEN, timeoutMs: GIVE_UP_MS });
  await asked[1]?.answer(true);
  expect(agent.told.at(-1)).toBe("resumed>2");
  expect(other.told).toHaveLength(2);
});

test("what never arrives does not leave an agent unsettled for ever", async () => {
  const agent = agentThatSaw(SEEN);
  await asked[0]?.answer(false);
  await asked[1]?.answer(false);
  expect(agent.told).toEqual(["snapshot>1 +a:healthy unsettled", "resumed>1"]);
});

test("a service that is taken back while it waits is not answered", async () => {
  const agent = agentThatSaw(SEEN);
  agent.session.unsubscribe([{ namespace: "default", service: "orders", resume: undefined }]);
  await asked[0]?.answer(true);
  // Answered, and taken back: nothing follows any more.
  const count = agent.told.length;
  plane.replica.register(anInput({ id: "b", registrationId: "r-b" as never }));
  expect(agent.told).toHaveLength(count);
});

test("a stream that ended while it waited leaves nothing behind", async () => {
  const agent = agentThatSaw(SEEN);
  agent.session.closed(false);
  await asked[0]?.answer(false);
  await asked[1]?.answer(true);
  expect(agent.told).toEqual([]);
  expect(plane.admin.status().watchCount).toBe(0);
});

test("subscriptions that wait count towards the limit", () => {
  const agent = agentThatSaw(SEEN);
  const thousand = Array.from({ length: 1_000 }, (_, i) => ({
    namespace: "default",
    service: `s-${i}`,
    resume: undefined,
  }));
  for (let i = 0; i < 9; i++) agent.session.subscribe(thousand);
  expect(() => agent.session.subscribe(thousand)).toThrow("10000 services");
});
