import type { ControlPlane } from "../../src/apps/control-plane/start.ts";
import { MeshError } from "../../src/core/model/mesh-error.ts";
import {
  type InstanceId,
  type RegistrationId,
  serviceKey,
  splitServiceKey,
} from "../../src/core/model/names.ts";
import type { RegisterInput } from "../../src/core/registry/admission.ts";
import { DEFAULT_LEASE_MS, renewIntervalMs } from "../../src/core/registry/lease.ts";
import type { LeaseKey } from "../../src/core/registry/registry.ts";
import { grpcCode } from "../../src/io/grpc/status.ts";
import { decodeLeaseToken } from "../../src/io/wire/lease-token.ts";
import type {
  AttachListener,
  AttachSession,
  AttachSource,
  LeaseName,
  Registration,
  RegistrationResult,
} from "../../src/ports/attach-source.ts";
import type {
  AttachSink,
  NoticeKind,
  AttachSession as ServerSession,
} from "../../src/ports/registry-service.ts";
import { aLeaseToken } from "../support/lease-token.ts";
import type { Connection, ServerEnd } from "./connection.ts";
import type { Network } from "./network.ts";
import type { SimProcess } from "./sim-process.ts";

/** What the world wants to know of the server's ends. */
export interface AttachObserver {
  /** A session's message came, which is a sign of life of what it keeps. */
  heard(end: AttachServerEnd): void;
  registered(end: AttachServerEnd, registrationId: string): void;
  /** Deregistered, and the client is answered so. */
  out(registrationId: string): void;
}

/** The server's end of one Attach session: what the gRPC handler does, without gRPC. */
export class AttachServerEnd implements ServerEnd, AttachSink {
  readonly connection: Connection;
  listener: AttachListener | undefined;
  heardAtMs = 0;
  isOpen = true;
  readonly #plane: ControlPlane;
  readonly #observer: AttachObserver;
  #session: ServerSession | undefined;

  constructor(plane: ControlPlane, connection: Connection, observer: AttachObserver) {
    this.#plane = plane;
    this.connection = connection;
    this.#observer = observer;
  }

  hello(clientId: string): void {
    try {
      this.#session = this.#plane.replica.attach(clientId, this);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const welcome = {
      sessionId: this.#session.id,
      replicaId: this.#plane.replica.replicaId,
      renewIntervalMs: renewIntervalMs(DEFAULT_LEASE_MS),
      replicas: [],
    };
    this.connection.answer(() => this.listener?.welcome(welcome));
  }

  message(step: (session: ServerSession) => void): void {
    this.#observer.heard(this);
    try {
      if (this.#session !== undefined) step(this.#session);
    } catch (error) {
      this.#fail(error);
    }
  }

  register(session: ServerSession, requestId: number, batch: readonly Registration[]): void {
    const results = batch.map((registration): RegistrationResult => {
      try {
        const { instance, firstRegisteredHlc } = session.register(inputOf(registration));
        const { registrationId, generation, leaseMs } = instance;
        this.#observer.registered(this, registrationId);
        return {
          kind: "accepted",
          registrationId,
          generation,
          leaseToken: aLeaseToken(registrationId, firstRegisteredHlc),
          renewIntervalMs: renewIntervalMs(leaseMs),
        };
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        const { code, message } = error;
        return { kind: "refused", code: grpcCode(code), reason: code, message };
      }
    });
    session.flush();
    this.connection.answer(() => this.listener?.registered(requestId, results));
  }

  answerDeregistered(
    requestId: number,
    leases: readonly LeaseName[],
    results: readonly ("removed" | "not-found" | "superseded")[],
  ): void {
    for (const [i, { registrationId }] of leases.entries()) {
      if (results[i] === "removed") this.#observer.out(registrationId);
    }
    this.connection.answer(() => this.listener?.deregistered(requestId));
  }

  notice(lease: LeaseKey, kind: NoticeKind, detail: string): void {
    const { instanceId, registrationId } = lease;
    const name = { ...splitServiceKey(lease.service), instanceId, registrationId };
    this.connection.answer(() => this.listener?.notice({ lease: name, kind, detail }));
  }

  drain(retryAfterMs: number): void {
    this.connection.answer(() => this.listener?.drain(retryAfterMs, []));
  }

  end(): void {
    this.connection.endServer();
  }

  halfClosed(): void {
    this.connection.endServer();
  }

  writable(): void {}

  closed(): void {
    this.isOpen = false;
    this.#session?.closed();
  }

  #fail(error: unknown): void {
    if (!(error instanceof MeshError)) throw error;
    this.connection.endServer(error);
  }
}

function inputOf({ instance, defaults, leaseToken }: Registration): RegisterInput {
  if (leaseToken.length === 0) return { instance, defaults };
  const token = decodeLeaseToken(leaseToken);
  if (token.registrationId !== instance.registrationId) return { instance, defaults };
  return { instance, defaults, firstRegisteredHlc: token.firstRegisteredHlc };
}

/** Attach sessions through the world's network. */
export function simAttachSource(
  network: Network,
  process: SimProcess,
  changed: (registration: Registration) => Registration,
): AttachSource {
  return {
    open({ address }, { clientId }, listener) {
      const connection = network.connect(process, address, "attach");
      connection.listen({ ended: (end) => listener.end(end) });
      connection.send((end) => {
        const server = end as AttachServerEnd;
        server.listener = listener;
        server.hello(clientId);
      });
      return clientEnd(connection, changed);
    },
  };
}

function clientEnd(
  connection: Connection,
  changed: (registration: Registration) => Registration,
): AttachSession {
  const send = (step: (end: AttachServerEnd, session: ServerSession) => void): void =>
    connection.send((end) => {
      const server = end as AttachServerEnd;
      server.message((session) => step(server, session));
    });
  return {
    register(requestId, registrations) {
      const batch = registrations.map(changed);
      send((end, session) => end.register(session, requestId, batch));
    },
    beat: () =>
      send((end, session) => {
        session.beat();
        connection.answer(() => end.listener?.beat());
      }),
    health: (reports) =>
      send((_, session) => {
        for (const { lease, health } of reports) session.setHealth(keyOf(lease), health);
        session.flush();
      }),
    deregister: (requestId, leases) =>
      send((end, session) => {
        session.deregister(leases.map(keyOf)).then(
          (results) => end.answerDeregistered(requestId, leases, results),
          (error: unknown) => connection.endServer(error as MeshError),
        );
      }),
    close: () => connection.closeClient(),
  };
}

function keyOf({ namespace, service, instanceId, registrationId }: LeaseName): LeaseKey {
  return {
    service: serviceKey(namespace, service),
    instanceId: instanceId as InstanceId,
    registrationId: registrationId as RegistrationId,
  };
}
