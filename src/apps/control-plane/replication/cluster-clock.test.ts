import { expect, test } from "vitest";
import { quietLog } from "../../../../test/support/control-plane.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { aHeartbeat } from "../../../../test/support/replication.ts";
import { OriginLog } from "../../../core/replication/origin-log.ts";
import { clusterClock } from "./cluster-clock.ts";
import { ClusterMembers } from "./cluster-members.ts";

const HOUR_MS = 3_600_000;

const nothing = {
  gone() {},
  returned() {},
  restarted() {},
  ready() {},
  fenced() {},
  stale() {},
  renewed() {},
  cutOff() {},
};

test("when a wall clock that was an hour late is set right, nothing is dated an hour ahead", () => {
  const clock = new FakeClock();
  clock.wallStepMs = -HOUR_MS;
  const trueMs = () => clock.wallMs() - clock.wallStepMs;
  const self = { replicaId: "a", epoch: 1 };
  const members = new ClusterMembers(self, clock, quietLog, nothing);
  const beat = () => {
    for (const replicaId of ["b", "c"]) {
      const log = new OriginLog({ replicaId, epoch: 1 });
      members.heard(aHeartbeat(log, { wallMs: trueMs() }));
    }
  };
  beat();
  const shared = clusterClock(clock, () => members.clockOffsetsMs);
  expect(shared.wallMs()).toBe(trueMs());
  clock.wallStepMs = 0;
  for (let i = 0; i < 30; i++) {
    clock.advance(100);
    expect(shared.wallMs()).toBe(trueMs());
    if (i % 10 === 9) beat();
  }
  expect(members.clockOffsetsMs).toEqual([0, 0]);
});
