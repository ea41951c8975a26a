import { describe, expect, test } from "vitest";
import type { PendingAnswer } from "../replication/calls.ts";
import type { PendingAgent, PendingKind } from "./drain-barrier.ts";
import { drainVerdict, type PeerReport } from "./drain-verdict.ts";

const agent = (agentId: string, kind: PendingKind): PendingAgent => ({ agentId, kind, detail: "" });

const says = (of: Partial<PendingAnswer> = {}): PendingAnswer => ({
  pending: [],
  moreCount: 0,
  agentCount: 0,
  backAgentIds: [],
  ...of,
});

const peer = (answer: PendingAnswer | string, of: Partial<PeerReport> = {}): PeerReport => ({
  replicaId: "two",
  state: "alive",
  silentMs: 500,
  answer,
  ...of,
});

const named = ({ pending }: { pending: readonly PendingAgent[] }): string[] =>
  pending.map(({ agentId, kind }) => `${agentId} ${kind}`);

describe("a drain over all replicas", () => {
  test("is safe when all of them say so, and counts all their agents", () => {
    const verdict = drainVerdict(says({ agentCount: 2 }), [peer(says({ agentCount: 3 }))]);
    expect(verdict).toEqual({ pending: [], agentCount: 5, lostAgentIds: [] });
  });

  test("is held up by whoever any of them names", () => {
    const own = says({ pending: [agent("x", "in-flight")] });
    const theirs = says({ pending: [agent("y", "not-acknowledged")], moreCount: 7 });
    expect(named(drainVerdict(own, [peer(theirs)]))).toEqual([
      "x in-flight",
      "y not-acknowledged",
      "two not-acknowledged",
    ]);
  });

  test("asks for an agent that one lost, and counts it where it is back", () => {
    const lost = says({ pending: [agent("x", "disconnected")], agentCount: 1 });
    const first = drainVerdict(says(), [peer(lost)]);
    expect(named(first)).toEqual(["x disconnected"]);
    expect(first.lostAgentIds).toEqual(["x"]);
    const own = says({ agentCount: 1, backAgentIds: ["x"] });
    const next = drainVerdict(own, [peer(lost)]);
    expect(next).toEqual({ pending: [], agentCount: 1, lostAgentIds: ["x"] });
    const busy = { ...own, pending: [agent("x", "in-flight")] };
    expect(named(drainVerdict(busy, [peer(lost)]))).toEqual(["x in-flight"]);
  });

  test("does not take an agent for back that waits for something else", () => {
    const own = says({ pending: [agent("x", "not-acknowledged")] });
    expect(named(drainVerdict(own, [peer(says({ backAgentIds: ["x"] }))]))).toHaveLength(1);
  });
});

describe("a replica that does not answer", () => {
  const unreachable = (of: Partial<PeerReport>, answer: PendingAnswer | string = "it is slow") =>
    named(drainVerdict(says(), [peer(answer, of)]));

  test("holds a drain up, however short or long it is silent while it may live", () => {
    expect(unreachable({})).toEqual(["two replica-unreachable"]);
    expect(unreachable({ state: "suspect", silentMs: 90_000 })).toEqual([
      "two replica-unreachable",
    ]);
  });

  test.each(["dead", "left"] as const)(
    "and is %s counts as long as an agent that is lost",
    (state) => {
      expect(unreachable({ state, silentMs: 30_900 })).toEqual(["two replica-unreachable"]);
      expect(unreachable({ state, silentMs: 31_000 })).toEqual([]);
    },
  );

  test("and is heard by others only counts, too", () => {
    expect(unreachable({ state: "unheard" })).toEqual(["two replica-unreachable"]);
  });

  test("and died after it answered is not believed any more", () => {
    expect(unreachable({ state: "dead", silentMs: 20_000 }, says())).toEqual([
      "two replica-unreachable",
    ]);
  });
});
