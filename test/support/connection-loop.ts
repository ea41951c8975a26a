import type { Random } from "../../src/core/model/random.ts";
import { type ConnectionEvents, ConnectionLoop } from "../../src/data-plane/connection-loop.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import type { NameResolver } from "../../src/ports/name-resolver.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeLog } from "./fake-streams.ts";

/** The longest wait that full jitter can choose, so that every bound shows. */
export const longest: Random = () => 0.999_999;

class Opened {
  readonly address: string;
  readonly events: ConnectionEvents;
  isClosed = false;

  constructor(address: string, events: ConnectionEvents) {
    this.address = address;
    this.events = events;
  }

  close(): void {
    this.isClosed = true;
  }
}

/** A loop on a clock that is moved by hand, towards servers that the test plays. */
export function startedLoop(
  addresses: readonly string[] = ["one:1"],
  random: Random = longest,
  resolver?: NameResolver,
) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const opened: Opened[] = [];
  let lost = 0;
  const loop = new ConnectionLoop({
    purpose: "test",
    replicas: new ReplicaList(addresses, random),
    resolver,
    clock,
    random,
    log,
    silenceFactor: 2.5,
    open({ address }, events) {
      const connection = new Opened(address, events);
      opened.push(connection);
      return connection;
    },
    lost: () => {
      lost++;
    },
  });
  loop.start();
  const last = () => {
    const connection = opened.at(-1);
    if (connection === undefined) throw new Error("nothing was opened");
    return connection;
  };
  return { clock, log, opened, loop, last, lostCount: () => lost };
}
