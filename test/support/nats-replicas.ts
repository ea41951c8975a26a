import { onTestFinished } from "vitest";
import { type ControlPlane, startControlPlane } from "../../src/apps/control-plane/start.ts";
import type { RegistrationId } from "../../src/core/model/names.ts";
import { ClusterSubjects } from "../../src/core/replication/subjects.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { NatsBus, type NatsBusOptions } from "../../src/io/nats/nats-bus.ts";
import { noRegistryStore } from "../../src/io/no-registry-store.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { ReplicationWire } from "../../src/io/wire/replication.ts";
import { updateEncoder } from "../../src/io/wire/update-encoder.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { AttachSession } from "../../src/ports/registry-service.ts";
import { anInput, quietHost, quietLog } from "./control-plane.ts";
import { waitUntil } from "./wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

/** The subjects of the replicas below. */
export const SUBJECTS = new ClusterSubjects("test");

/** One control plane that meets its peers over a real NATS server, without listeners. */
export interface NatsReplica {
  readonly plane: ControlPlane;
  readonly bus: NatsBus;
  /** What was refused of the bus, by its kind. */
  readonly refused: string[];
  /** Registers an instance of `orders` over a session that beats until the test ends. */
  register(id: string, registrationId?: string, generation?: number): void;
  deregister(id: string, registrationId?: string): Promise<void>;
  /** What it serves of `orders`, a line each, in order. */
  view(): string[];
  /** As a program that is killed: nobody hears of it. */
  crash(): Promise<void>;
}

/** A replica that is gone when the test is. */
export function natsReplica(
  replicaId: string,
  options: Partial<NatsBusOptions> & { readonly servers: string[] },
): NatsReplica {
  const { clock = systemClock } = options;
  const refused: string[] = [];
  const bus = new NatsBus({
    name: replicaId,
    inboxPrefix: SUBJECTS.inboxPrefix,
    random: Math.random,
    log: quietLog,
    clock,
    ...options,
  });
  const plane = startControlPlane({
    replicaId,
    softwareVersion: "test",
    clock,
    log: quietLog,
    store: noRegistryStore,
    policies: memoryPolicyStore(clock),
    encoder: updateEncoder,
    host: quietHost,
    settleAfterMs: 1_000,
    cluster: {
      bus,
      codec: new ReplicationWire("test", ({ kind }) => void refused.push(kind)),
      subjects: SUBJECTS,
      address: `${replicaId}:7400`,
      random: Math.random,
    },
  });
  const beats: (() => void)[] = [];
  const end = async (): Promise<void> => {
    for (const stop of beats.splice(0)) stop();
    await bus.close();
    await plane.stop();
  };
  onTestFinished(end);
  return {
    plane,
    bus,
    refused,
    register(id, registrationId = `r-${id}`, generation = 1) {
      const session = plane.replica.attach(id, { notice() {}, drain() {}, end() {} });
      session.register(
        anInput({ id, registrationId: registrationId as RegistrationId, generation }),
      );
      session.flush();
      beats.push(beating(session, clock));
    },
    async deregister(id, registrationId = `r-${id}`) {
      await plane.replica.deregister({
        service: "default/orders" as never,
        instanceId: id as never,
        registrationId: registrationId as never,
      });
    },
    view: () => viewOf(plane),
    crash: end,
  };
}

/** Waits until all serve the same, and that is `wanted` where it is given. */
export async function agreed(replicas: readonly NatsReplica[], wanted?: readonly string[]) {
  await waitUntil(`all serve ${wanted ?? "the same"}`, LIMIT_MS, () => {
    const views = replicas.map((replica) => `${replica.view()}`);
    return new Set(views).size === 1 && (wanted === undefined || views[0] === `${wanted}`);
  });
}

/** Well within a lease of 15 s, and within what counts as overdue. */
function beating(session: AttachSession, clock: Clock): () => void {
  let cancel = (): void => undefined;
  const next = (): void => {
    cancel = clock.after(3_000, () => {
      session.beat();
      next();
    });
  };
  next();
  return () => cancel();
}

function viewOf({ replica }: ControlPlane): string[] {
  const service = replica.registry.services.get("default/orders" as never);
  const lines = Array.from(service?.records.values() ?? [], ({ instance, endpoint }) => {
    const { id, registrationId, generation } = instance;
    return `${id}=${registrationId}.${generation} ${endpoint.state}`;
  });
  return lines.sort();
}
