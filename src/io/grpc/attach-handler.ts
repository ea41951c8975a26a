import type { handleBidiStreamingCall } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import { splitServiceKey } from "../../core/model/names.ts";
import { DEFAULT_LEASE_MS, renewIntervalMs } from "../../core/registry/lease.ts";
import type { LeaseKey } from "../../core/registry/registry.ts";
import {
  type AttachResponse,
  type DeregisterBatch,
  type HealthBatch,
  LeaseResult,
  NoticeKind as NoticeCode,
} from "../../gen/weir/v1/registry.ts";
import type { Authorizer, Principal } from "../../ports/authorizer.ts";
import type { ReplicaAddress } from "../../ports/destination.ts";
import type {
  AttachSession,
  AttachSink,
  NoticeKind,
  RegistryService,
} from "../../ports/registry-service.ts";
import type { RegistrationBatch } from "../wire/batch-reader.ts";
import { msToDuration } from "../wire/duration.ts";
import { healthFromWire } from "../wire/instance.ts";
import { encodeRequestId, encodeResults } from "../wire/registered-writer.ts";
import { authorize } from "./authorize.ts";
import { duplex, type OutgoingStream, type StreamListener } from "./handler.ts";
import { leaseKeyFromWire, limitBatch } from "./lease-keys.ts";
import { registrationOf } from "./registration.ts";
import type { ReadAttachRequest } from "./registry-definition.ts";
import { grpcCode } from "./status.ts";

/** A session's name in logs: printable and short. */
const MAX_CLIENT_ID = 128;

/** `RegistryService.Attach`: one stream, many instances, one beat. */
export function attachHandler(
  service: RegistryService,
  authorizer: Authorizer,
  peers: () => readonly ReplicaAddress[],
): handleBidiStreamingCall<ReadAttachRequest, AttachResponse | Buffer> {
  return duplex(
    (stream, { principal }) => new AttachStream(stream, { principal, service, authorizer, peers }),
  );
}

interface AttachSurroundings {
  readonly principal: Principal;
  readonly service: RegistryService;
  readonly authorizer: Authorizer;
  readonly peers: () => readonly ReplicaAddress[];
}

class AttachStream implements AttachSink, StreamListener<ReadAttachRequest> {
  readonly #call: OutgoingStream<AttachResponse | Buffer>;
  readonly #service: RegistryService;
  readonly #authorizer: Authorizer;
  readonly #principal: Principal;
  readonly #peers: () => readonly ReplicaAddress[];
  #session: AttachSession | undefined;
  #beats = 0;

  constructor(
    call: OutgoingStream<AttachResponse | Buffer>,
    { principal, service, authorizer, peers }: AttachSurroundings,
  ) {
    this.#call = call;
    this.#service = service;
    this.#authorizer = authorizer;
    this.#principal = principal;
    this.#peers = peers;
  }

  message(request: ReadAttachRequest): void | Promise<void> {
    const { message } = request;
    if (message?.$case === "hello") return this.#hello(message.value.clientId);
    const session = this.#session;
    if (session === undefined) {
      throw new MeshError(
        "PROTOCOL_VIOLATION",
        "the first message of an Attach stream must be `hello`",
      );
    }
    switch (message?.$case) {
      case "batch":
        return this.#register(session, message);
      case "register": {
        const { requestId, registrations } = message.value;
        const batch = { $case: "batch", requestId: encodeRequestId(requestId), registrations };
        return this.#register(session, batch as RegistrationBatch);
      }
      case "health":
        return this.#health(session, message.value);
      case "deregister":
        return this.#deregister(session, message.value);
      case "beat":
        session.beat();
        this.#write({ $case: "beat", value: { sequence: BigInt(++this.#beats) } });
        return;
      default:
        // A newer client's message: it lives, that much is understood.
        session.beat();
    }
  }

  closed(): void {
    this.#session?.closed();
  }

  notice(lease: LeaseKey, kind: NoticeKind, detail: string): void {
    const { namespace, service } = splitServiceKey(lease.service);
    const { instanceId, registrationId } = lease;
    this.#write({
      $case: "notice",
      value: {
        lease: { namespace, service, instanceId, registrationId },
        kind: NOTICE[kind],
        detail,
      },
    });
  }

  drain(retryAfterMs: number): void {
    const replicas = [...this.#peers()];
    this.#write({ $case: "drain", value: { retryAfter: msToDuration(retryAfterMs), replicas } });
  }

  end(): void {
    this.#call.end();
  }

  #hello(clientId: string): void {
    if (this.#session !== undefined) {
      throw new MeshError("PROTOCOL_VIOLATION", "`hello` came twice on one Attach stream");
    }
    const name = clientId.replace(/[^\x21-\x7e]/g, "?").slice(0, MAX_CLIENT_ID);
    this.#session = this.#service.attach(name || "anonymous", this);
    this.#write({
      $case: "welcome",
      value: {
        sessionId: this.#session.id,
        renewInterval: msToDuration(renewIntervalMs(DEFAULT_LEASE_MS)),
        replicaId: this.#service.replicaId,
        replicas: [...this.#peers()],
      },
    });
  }

  #register(session: AttachSession, { requestId, registrations }: RegistrationBatch): void {
    limitBatch(registrations.length, "register.registrations");
    const results = registrations.map((registration, i) => {
      try {
        const input = registrationOf(registration, `registrations[${i}].`);
        const { namespace, service } = input.instance;
        authorize(this.#authorizer, this.#principal, "register", namespace, service);
        return session.register(input);
      } catch (error) {
        if (!(error instanceof MeshError)) throw error;
        this.#service.refused(error);
        const { code, message } = error;
        return { code: grpcCode(code), reason: code, message };
      }
    });
    session.flush();
    // The call's serializer passes bytes through: see `registryDefinition`.
    this.#call.write(encodeResults(requestId, results));
  }

  #health(session: AttachSession, { reports }: HealthBatch): void {
    limitBatch(reports.length, "health.reports");
    for (const [i, { lease, health }] of reports.entries()) {
      session.setHealth(leaseKeyFromWire(lease, `reports[${i}].lease`), healthFromWire(health));
    }
    session.flush();
  }

  async #deregister(session: AttachSession, batch: DeregisterBatch): Promise<void> {
    limitBatch(batch.leases.length, "deregister.leases");
    const keys = batch.leases.map((lease, i) => leaseKeyFromWire(lease, `leases[${i}]`));
    const results = (await session.deregister(keys)).map((result) => REMOVED[result]);
    this.#write({ $case: "deregistered", value: { requestId: batch.requestId, results } });
  }

  /** An answer per request, and requests wait for HTTP/2's window: the queue is bounded by the client. */
  #write(message: NonNullable<AttachResponse["message"]>): void {
    this.#call.write({ message });
  }
}

const REMOVED = {
  removed: LeaseResult.LEASE_RESULT_UNSPECIFIED,
  "not-found": LeaseResult.LEASE_RESULT_NOT_FOUND,
  superseded: LeaseResult.LEASE_RESULT_SUPERSEDED,
} as const;

const NOTICE: Readonly<Record<NoticeKind, NoticeCode>> = {
  superseded: NoticeCode.NOTICE_KIND_SUPERSEDED,
  reattach: NoticeCode.NOTICE_KIND_REATTACH,
  evicted: NoticeCode.NOTICE_KIND_EVICTED,
};
