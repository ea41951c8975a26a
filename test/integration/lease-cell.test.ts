import { describe, expect, onTestFinished, test } from "vitest";
import { LeaderLease } from "../../src/apps/control-plane/leader-lease.ts";
import { natsLeaseCell } from "../../src/io/nats/lease-cell.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { LeaseCell } from "../../src/ports/leadership.ts";
import { quietLog } from "../support/control-plane.ts";
import { INBOX_PREFIX, natsServer } from "../support/nats-bus.ts";
import { findNatsServer, type NatsServerProcess } from "../support/nats-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

function cellAt(server: NatsServerProcess): LeaseCell {
  const cell = natsLeaseCell({
    servers: [server.url],
    name: "test",
    inboxPrefix: INBOX_PREFIX,
    clock: systemClock,
    random: Math.random,
    bucket: "weir-leaders-test",
    job: "janitor",
    replicas: 1,
  });
  onTestFinished(() => cell.close());
  return cell;
}

describe.skipIf(findNatsServer() === undefined)("a lease in JetStream", () => {
  test("is taken by one of many, and changes only from what was seen", async () => {
    const server = await natsServer({ hasJetStream: true });
    const cells = [cellAt(server), cellAt(server), cellAt(server)];
    const [first] = cells;
    if (first === undefined) throw new Error("no cell");
    for (const cell of cells) {
      await waitUntil("the cell answers", LIMIT_MS, async () => {
        await cell.read();
        return true;
      });
    }
    expect(await first.read()).toBeUndefined();
    const taken = await Promise.all(cells.map((cell, index) => cell.write(`r${index}`, 0)));
    const revision = taken.find((one) => one !== undefined);
    expect(taken.filter((one) => one !== undefined)).toEqual([revision]);
    expect((await first.read())?.revision).toBe(revision);
    expect(await first.write("again", (revision ?? 0) + 1)).toBeUndefined();
  });

  test("moves when NATS comes back after the leader fell silent", async () => {
    const server = await natsServer({ hasJetStream: true });
    const leases = ["a", "b"].map((replicaId) => {
      const options = { replicaId, clock: systemClock, log: quietLog, ttlMs: 600 };
      return new LeaderLease({ ...options, cell: cellAt(server) });
    });
    const leads = (): LeaderLease | undefined => leases.find((lease) => lease.term() !== undefined);
    const first = await waitUntil("somebody leads", LIMIT_MS, leads);
    const term = first.term() ?? 0;
    await server.kill();
    await waitUntil("nobody leads", LIMIT_MS, () => leads() === undefined);
    await first.close();
    await server.start();
    const second = await waitUntil("another one leads", LIMIT_MS, leads);
    expect(second).not.toBe(first);
    expect(second.term()).toBeGreaterThan(term);
    await second.close();
  });
});
