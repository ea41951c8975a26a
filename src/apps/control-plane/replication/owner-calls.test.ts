import { beforeEach, describe, expect, test } from "vitest";
import { aLease } from "../../../../test/support/builders.ts";
import { quietLog } from "../../../../test/support/control-plane.ts";
import type { FakeBus } from "../../../../test/support/fake-bus.ts";
import { FakeBusNetwork } from "../../../../test/support/fake-bus-network.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { aHeartbeat } from "../../../../test/support/replication.ts";
import { seededRandom } from "../../../../test/support/seeded-random.ts";
import { MeshError } from "../../../core/model/mesh-error.ts";
import type { RegistrationId } from "../../../core/model/names.ts";
import type { PendingAnswer } from "../../../core/replication/calls.ts";
import { Member } from "../../../core/replication/member.ts";
import { OriginLog } from "../../../core/replication/origin-log.ts";
import { ClusterSubjects } from "../../../core/replication/subjects.ts";
import { ReplicationWire } from "../../../io/wire/replication.ts";
import { type CallHandlers, OwnerCalls } from "./owner-calls.ts";

const subjects = new ClusterSubjects("test");
const codec = new ReplicationWire("test");
const question = {
  ...aLease("a"),
  registrationId: "ra" as RegistrationId,
  operatorRevision: 1,
  lostAgentIds: [],
};
const nobody: PendingAnswer = { pending: [], moreCount: 0, agentCount: 0, backAgentIds: [] };

let clock: FakeClock;
let asking: OwnerCalls;
let other: FakeBus;
let answering: OwnerCalls;
let state: "alive" | "dead";

/** Of a replica that does nothing but what a test says. */
function handlers(of: Partial<CallHandlers> = {}): CallHandlers {
  return {
    renew: (leases) => leases.map(() => "done"),
    setDraining: () => Promise.resolve({ outcome: "done", operatorRevision: 1 }),
    pending: () => nobody,
    ...of,
  };
}

async function during<T>(promise: Promise<T>): Promise<T> {
  for (let ms = 0; ms < 3_000; ms += 10) {
    clock.advance(10);
    for (let i = 0; i < 20; i++) await null;
  }
  return promise;
}

function aMember() {
  const log = new OriginLog({ replicaId: "two", epoch: 1 });
  const member = new Member(aHeartbeat(log), clock.nowMs(), clock.wallMs());
  member.state = state;
  return member.view(clock.nowMs());
}

function callsOf(replicaId: string, bus: FakeBus): OwnerCalls {
  return new OwnerCalls({
    ...{ bus, codec, subjects, log: quietLog },
    origin: { replicaId, epoch: 1 },
    members: () => [aMember()],
    isIsolated: () => false,
    isSynced: () => true,
  });
}

beforeEach(() => {
  clock = new FakeClock();
  state = "alive";
  const maxPayloadBytes = 4_096;
  const network = new FakeBusNetwork({ clock, random: seededRandom(1), maxPayloadBytes });
  asking = callsOf("one", network.join("one"));
  other = network.join("two");
  answering = callsOf("two", other);
  clock.advance(300);
});

describe("an owner", () => {
  test("answers for each lease of a call, in order", async () => {
    const sizes: number[] = [];
    answering.serve(
      handlers({
        renew: (leases) => {
          sizes.push(leases.length);
          return leases.map(({ instanceId }) => (instanceId === "a" ? "done" : "not-found"));
        },
      }),
    );
    const leases = Array.from({ length: 40 }, (_, i) => aLease(i % 2 === 0 ? "a" : "b"));
    const outcomes = await during(asking.renew("two", leases));
    expect(outcomes).toEqual(leases.map((_, i) => (i % 2 === 0 ? "done" : "not-found")));
    expect(sizes).toEqual([40]);
  });

  test("that does not exist, or is dead, is not waited for", async () => {
    answering.serve(handlers());
    expect(await asking.renew("nobody", [aLease("a")])).toBeUndefined();
    state = "dead";
    expect(await asking.setDraining("two", aLease("a"), true)).toBeUndefined();
  });

  test("that could not write says so", async () => {
    const full = new MeshError("STORAGE_FAILED", "the disk is full");
    answering.serve(handlers({ setDraining: () => Promise.reject(full) }));
    const answer = asking.setDraining("two", aLease("a"), true);
    answer.catch(() => undefined);
    await expect(during(answer)).rejects.toMatchObject({
      code: "STORAGE_FAILED",
      message: "replica two: the disk is full",
    });
  });
});

describe("who is asked for pending agents", () => {
  const asked = () => during(asking.pending("two", question));

  test("answers", async () => {
    const answer = { ...nobody, agentCount: 3, backAgentIds: ["x"] };
    answering.serve(handlers({ pending: () => answer }));
    expect(await asked()).toMatchObject(answer);
  });

  test("is older and answers no calls: that is said", async () => {
    expect(await asked()).toContain("its version knows none");
  });

  test("says something else, nothing, or garbage: that is said", async () => {
    const subject = subjects.of("call", "two");
    const subscription = other.subscribe(subject, (message) => message.reply(Buffer.from("?")));
    expect(await asked()).toContain("cannot be read");
    subscription.close();
    other.subscribe(subject, () => undefined);
    expect(await asked()).toContain("in time");
  });

  test("fails: that is said, and its own bus is spared", async () => {
    answering.serve(
      handlers({
        pending: () => {
          throw new Error("a bug");
        },
      }),
    );
    expect(await asked()).toContain("its log has the cause");
    expect(other.state.listenerErrorCount).toBe(0);
  });

  test("has more names than a message takes: some come, and the count of the others", async () => {
    const pending = Array.from({ length: 300 }, (_, i) => ({
      ...{ agentId: `agent-${i}`, kind: "in-flight" as const },
      detail: "1 requests in flight",
    }));
    answering.serve(handlers({ pending: () => ({ ...nobody, pending, agentCount: 300 }) }));
    const answer = await asked();
    expect(answer).toMatchObject({ agentCount: 300, moreCount: 280 });
  });
});

test("noise on the subject of calls is not answered", async () => {
  let calls = 0;
  const pending = () => {
    calls++;
    return nobody;
  };
  answering.serve(handlers({ pending }));
  const heartbeat = codec.encode(aHeartbeat(new OriginLog({ replicaId: "x", epoch: 1 })));
  for (const bytes of [heartbeat, Buffer.from("GET /"), new Uint8Array()]) {
    other.receive({ subject: subjects.of("call", "two"), payload: bytes, reply: undefined });
  }
  await during(Promise.resolve());
  expect(calls).toBe(0);
});
