import { expect, test } from "vitest";
import { aHeartbeat } from "../../../test/support/replication.ts";
import { knownReplicas } from "./hearsay.ts";
import { Member, type MemberState } from "./member.ts";
import type { AppliedPosition } from "./messages.ts";
import { OriginLog } from "./origin-log.ts";

/** One that this replica heard so long ago, and whom it hears itself. */
function member(
  replicaId: string,
  state: MemberState,
  silentMs: number,
  hears: Readonly<Record<string, number>> = {},
) {
  const applied = Object.entries(hears).map(
    ([id, unheardMs]): AppliedPosition => ({
      replicaId: id,
      epoch: 1,
      seq: 0,
      silentMs: unheardMs,
      heardEpoch: 1,
    }),
  );
  const one = new Member(aHeartbeat(new OriginLog({ replicaId, epoch: 1 }), { applied }), 0, 0);
  one.state = state;
  return one.view(silentMs);
}

test("a replica that died here and is heard elsewhere is silent only since then", () => {
  const members = [
    member("two", "alive", 300, { me: 0, three: 200 }),
    member("three", "dead", 90_000),
  ];
  expect(knownReplicas(members, "me")).toEqual([
    { replicaId: "two", state: "alive", silentMs: 300 },
    { replicaId: "three", state: "dead", silentMs: 500 },
  ]);
});

test("one that only another one hears is known", () => {
  expect(knownReplicas([member("two", "alive", 100, { four: 50 })], "me")).toContainEqual({
    replicaId: "four",
    state: "unheard",
    silentMs: 150,
  });
});

test("what the dead said last says nothing of others", () => {
  const members = [member("two", "dead", 40_000, { three: 0 }), member("three", "dead", 60_000)];
  expect(knownReplicas(members, "me").map(({ silentMs }) => silentMs)).toEqual([40_000, 60_000]);
});
