import { beforeEach, expect, test } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import type { ResourceAck } from "../core/discovery/update.ts";
import { ACK_AFTER_UPDATES, ACK_DELAY_MS, Acknowledger } from "./acknowledger.ts";

let clock: FakeClock;
let sent: (readonly ResourceAck[])[];
let acks: Acknowledger;

beforeEach(() => {
  clock = new FakeClock();
  sent = [];
  acks = new Acknowledger(clock, (some) => void sent.push(some));
});

function ack(service: string, version: number): ResourceAck {
  const nonce = { type: "endpoints" as const, namespace: "default", service, version, chunk: 0 };
  return { nonce, rejected: [], digestMismatch: false, held: false };
}

test("what comes within the delay is acknowledged together, the last of each resource only", () => {
  acks.add(ack("a", 1), false);
  acks.add(ack("b", 2), false);
  acks.add(ack("a", 3), false);
  expect(sent).toEqual([]);
  clock.advance(ACK_DELAY_MS);
  expect(sent).toEqual([[ack("a", 3), ack("b", 2)]]);
});

test("an urgent one takes along what waits", () => {
  acks.add(ack("a", 1), false);
  acks.add(ack("b", 2), true);
  expect(sent).toEqual([[ack("a", 1), ack("b", 2)]]);
  clock.advance(ACK_DELAY_MS);
  expect(sent).toHaveLength(1);
});

test("under many updates the server never has to wait for the delay", () => {
  for (let version = 1; version <= 2 * ACK_AFTER_UPDATES; version++) {
    acks.add(ack("a", version), false);
  }
  expect(sent).toEqual([[ack("a", ACK_AFTER_UPDATES)], [ack("a", 2 * ACK_AFTER_UPDATES)]]);
});

test("the next stream counts anew", () => {
  for (let version = 1; version < ACK_AFTER_UPDATES; version++) acks.add(ack("a", version), false);
  acks.clear();
  acks.add(ack("a", 1), false);
  expect(sent).toEqual([]);
});
