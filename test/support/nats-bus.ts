import { onTestFinished } from "vitest";
import { NatsBus, type NatsBusOptions } from "../../src/io/nats/nats-bus.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { BusChange } from "../../src/ports/bus.ts";
import { FakeLog } from "./fake-streams.ts";
import { type NatsServerOptions, NatsServerProcess } from "./nats-server.ts";
import { waitUntil } from "./wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

/** Replies arrive below this. */
export const INBOX_PREFIX = "weir.test.inbox";

/** A nats-server that is gone when the test is. */
export async function natsServer(options: NatsServerOptions = {}): Promise<NatsServerProcess> {
  const server = await NatsServerProcess.start(options);
  onTestFinished(() => server.stop());
  return server;
}

/** A bus, what it told and what it logged. */
export interface WatchedBus {
  readonly bus: NatsBus;
  readonly changes: readonly BusChange[];
  readonly log: FakeLog;
  /** Resolves when the bus is connected. */
  connected(): Promise<void>;
  /** Resolves with the first problem or disconnect whose message matches. */
  problem(pattern: RegExp): Promise<BusChange>;
}

/** A bus that is closed when the test is. */
export function natsBus(options: Partial<NatsBusOptions> & { servers: string[] }): WatchedBus {
  const log = new FakeLog();
  const bus = new NatsBus({
    name: "test",
    inboxPrefix: INBOX_PREFIX,
    clock: systemClock,
    random: Math.random,
    log,
    ...options,
  });
  onTestFinished(() => bus.close());
  const changes: BusChange[] = [];
  bus.onState((change) => changes.push(change));
  const isAbout = (change: BusChange, pattern: RegExp): boolean =>
    change.kind !== "connected" && pattern.test(change.problem.message);
  return {
    bus,
    changes,
    log,
    connected: async () => {
      await waitUntil("the bus is connected", LIMIT_MS, () => bus.state.isConnected);
    },
    problem: (pattern) =>
      waitUntil(`a problem that says ${pattern}`, LIMIT_MS, () =>
        changes.find((change) => isAbout(change, pattern)),
      ),
  };
}
