import { expect, test } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { EMPTY_DIGEST } from "../../core/model/digest.ts";
import type { InstanceId, RegistrationId, ServiceKey } from "../../core/model/names.ts";
import type { PendingAnswer } from "../../core/replication/calls.ts";
import type { MemberView } from "../../core/replication/member.ts";
import { ANSWER_AGE_MS, DrainPolls } from "./drain-polls.ts";

const QUESTION = {
  service: "default/orders" as ServiceKey,
  instanceId: "a" as InstanceId,
  registrationId: "ra" as RegistrationId,
  operatorRevision: 1,
  lostAgentIds: [],
};

const NOBODY: PendingAnswer = { pending: [], moreCount: 0, agentCount: 0, backAgentIds: [] };

const OTHER: MemberView = {
  origin: { replicaId: "other", epoch: 1 },
  ...{
    state: "alive",
    seq: 0,
    digest: EMPTY_DIGEST,
    applied: [],
    address: "",
    softwareVersion: "",
  },
  flags: { isLeaving: false, isIsolated: false, isSettled: true },
  ...{ silentMs: 0, clockOffsetMs: 0 },
};

test("what a replica answered before this one stood still says nothing of its agents now", async () => {
  const clock = new FakeClock();
  const pending = () => Promise.resolve(NOBODY);
  const polls = new DrainPolls(
    { isIsolated: false, members: () => [OTHER], pending },
    "self",
    clock,
  );
  const answers = () => polls.reports().map(({ answer }) => answer);
  expect(answers()).toEqual(["it has not answered yet"]);
  polls.ask(QUESTION, () => undefined);
  await null;
  expect(answers()).toEqual([NOBODY]);
  clock.advance(ANSWER_AGE_MS);
  expect(answers()).toEqual(["it has not answered for 2 s"]);
  polls.ask(QUESTION, () => undefined);
  await null;
  expect(answers()).toEqual([NOBODY]);
});
