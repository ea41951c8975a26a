import type { LocalInstance } from "../../src/data-plane/local-instance.ts";
import { RegistrationKeeper } from "../../src/data-plane/registration-keeper.ts";
import { ReplicaList } from "../../src/data-plane/replica-list.ts";
import { anInstance } from "./builders.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeAttachSource, FakeLog } from "./fake-streams.ts";

/** An instance of `orders` of this machine. */
export function local(id: string, isProbed = false): LocalInstance {
  return {
    key: `default/orders/${id}`,
    instance: anInstance({ id, ports: [{ name: "http", port: 8081, protocol: "http1" }] }),
    defaults: undefined,
    probe: isProbed
      ? {
          target: { kind: "tcp", host: "127.0.0.1", port: 8081 },
          intervalMs: 2_000,
          timeoutMs: 1_000,
          thresholds: { rise: 2, fall: 3 },
        }
      : undefined,
  };
}

/** A keeper of these, with a fake server to talk to. */
export function keeping(instances: LocalInstance[] = [local("orders-1")]) {
  const clock = new FakeClock();
  const log = new FakeLog();
  const source = new FakeAttachSource();
  const changes: string[] = [];
  let ids = 0;
  const keeper = new RegistrationKeeper({
    source,
    replicas: new ReplicaList(["one:1"], () => 0),
    clientId: "agent-1",
    softwareVersion: "1",
    newId: () => `p${++ids}`,
    clock,
    random: () => 0,
    log,
    onChange: ({ key, status }) => changes.push(`${key.split("/").at(-1)} ${status}`),
  });
  for (const instance of instances) keeper.add(instance);
  return { clock, log, source, keeper, changes };
}

/** What the present session was told to register. */
export function registered(source: FakeAttachSource) {
  return source.last.batches.flatMap(({ registrations }) =>
    registrations.map(({ instance, leaseToken }) => ({
      id: instance.id,
      process: instance.registrationId,
      generation: instance.generation,
      health: instance.health,
      token: Buffer.from(leaseToken).toString(),
    })),
  );
}

/** The same, with a session in which all of them are registered. */
export function registeredKeeper(instances?: LocalInstance[]) {
  const world = keeping(instances);
  world.source.last.welcome();
  world.source.last.accept();
  return world;
}
