import fc from "fast-check";
import { expect, test } from "vitest";
import { aLease } from "../../../test/support/builders.ts";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";

test("whatever happens, a watcher that catches up holds the server's set", () => {
  const step = fc.oneof(
    fc.record({
      do: fc.constant("register"),
      id: fc.integer({ min: 0, max: 5 }),
      weight: fc.nat(3),
    }),
    fc.record({ do: fc.constant("leave"), id: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ do: fc.constantFrom("block", "unblock", "ack", "wait") }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const clock = new FakeClock();
      const plane = aControlPlane(clock);
      clock.advance(10);
      const agent = new TestAgent(plane, "agent").watch();
      for (const each of steps) {
        if (each.do === "register" && "weight" in each) {
          plane.replica.register(
            anInput({
              id: `i${each.id}`,
              weight: each.weight,
              registrationId: "" as never,
              generation: 0,
            }),
          );
        } else if (each.do === "leave" && "id" in each) {
          plane.replica.deregister(aLease(`i${each.id}`)).catch(() => undefined);
        } else if (each.do === "block") agent.canTake = false;
        else if (each.do === "ack") agent.ack();
        else if (each.do === "wait") clock.advance(5);
        else {
          agent.canTake = true;
          agent.session.writable();
        }
      }
      agent.canTake = true;
      agent.session.writable();
      clock.advance(5);
      const held = new Map<string, bigint>();
      for (const update of agent.updates) {
        if (update.kind === "snapshot" && update.chunk === 0) held.clear();
        if (update.kind === "absent") held.clear();
        for (const { id } of update.removals) held.delete(id);
        for (const { id, hash } of update.upserts) held.set(id, hash);
      }
      const isKnown = steps.some((each) => each.do === "register");
      const endpoints = isKnown ? plane.replica.resolve("default", "orders").endpoints() : [];
      expect([...held].sort()).toEqual(endpoints.map(({ id, hash }) => [id, hash]));
    }),
  );
});
