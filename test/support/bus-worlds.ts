import { setImmediate as turn } from "node:timers/promises";
import { NatsBus } from "../../src/io/nats/nats-bus.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { Bus } from "../../src/ports/bus.ts";
import { FakeBusNetwork } from "./fake-bus-network.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeLog } from "./fake-streams.ts";
import { findNatsServer, NatsServerProcess } from "./nats-server.ts";
import { seededRandom } from "./seeded-random.ts";
import { waitUntil } from "./wait-until.ts";

/** Long for a process that restarts on a busy machine; only ends a wait for what never comes. */
export const LIMIT_MS = 20_000;

/** Some buses on one network, for tests that run on the fake one and on the real one. */
export interface BusWorld {
  join(name: string): Bus;
  until(what: string, check: () => boolean): Promise<void>;
  outage(): Promise<void>;
  restore(): Promise<void>;
  end(): Promise<void>;
}

async function natsWorld(): Promise<BusWorld> {
  const server = await NatsServerProcess.start({ config: "max_payload: 4096" });
  const buses: Bus[] = [];
  return {
    join(name) {
      const bus = new NatsBus({
        servers: [server.url],
        name,
        inboxPrefix: "weir.contract.inbox",
        clock: systemClock,
        random: Math.random,
        log: new FakeLog(),
      });
      buses.push(bus);
      return bus;
    },
    until: async (what, check) => {
      await waitUntil(what, LIMIT_MS, check);
    },
    outage: () => server.kill(),
    restore: () => server.start(),
    async end() {
      await Promise.all(buses.map((bus) => bus.close()));
      await server.stop();
    },
  };
}

function fakeWorld(): Promise<BusWorld> {
  const clock = new FakeClock();
  const network = new FakeBusNetwork({ clock, random: seededRandom(7), maxPayloadBytes: 4096 });
  return Promise.resolve({
    join: (name: string) => network.join(name),
    async until(what: string, check: () => boolean) {
      for (let ms = 0; ms < LIMIT_MS; ms++) {
        await turn();
        if (check()) return;
        clock.advance(1);
      }
      throw new Error(`never: ${what}`);
    },
    outage: () => Promise.resolve(network.outage()),
    restore: () => Promise.resolve(network.restore()),
    end: () => Promise.resolve(),
  });
}

/** Every kind of bus, and whether this machine has what it needs. */
export const BUS_WORLDS = [
  { name: "a fake network", start: fakeWorld, isHere: true },
  { name: "NATS", start: natsWorld, isHere: findNatsServer() !== undefined },
];
