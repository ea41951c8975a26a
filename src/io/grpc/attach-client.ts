import {
  type AttachRequest,
  type AttachResponse,
  type InstanceNotice,
  NoticeKind,
  type RegisterResult,
  RegistryServiceClient,
} from "../../gen/weir/v1/registry.ts";
import type {
  AttachListener,
  AttachNotice,
  AttachSession,
  AttachSource,
  Registration,
  RegistrationResult,
} from "../../ports/attach-source.ts";
import { durationToMs } from "../wire/duration.ts";
import { defaultsToWire, healthToWire, instanceToWire } from "../wire/instance.ts";
import { type ChannelAccess, PLAIN_ACCESS } from "./channel-access.ts";
import { enter, StreamClient } from "./stream-client.ts";

/** For a server that does not say: a third of the default lease. */
const DEFAULT_RENEW_MS = 5_000;

/** Of a session whose credentials cannot be used. */
const NOT_OPEN: AttachSession = {
  register() {},
  beat() {},
  health() {},
  deregister() {},
  close() {},
};

/** Attach sessions over gRPC. @param access asked for each session, so that certificates and tokens can change. */
export function grpcAttachSource(access: ChannelAccess = PLAIN_ACCESS): AttachSource {
  return {
    open(destination, hello, listener) {
      const entry = enter(access, destination);
      if ("code" in entry) {
        listener.end(entry);
        return NOT_OPEN;
      }
      const client = new RegistryServiceClient(destination.address, entry.sockets, entry.channel);
      const call = client.attach(entry.metadata);
      const stream = new StreamClient<AttachRequest>(call, client, entry, (end) =>
        listener.end(end),
      );
      call.on("data", (response: AttachResponse) => {
        if (!stream.isOver) hear(response, listener);
      });
      stream.write({ message: { $case: "hello", value: { ...hello } } });
      return attachSession(stream);
    },
  };
}

function hear({ message }: AttachResponse, listener: AttachListener): void {
  switch (message?.$case) {
    case "welcome": {
      const { sessionId, replicaId, renewInterval, replicas } = message.value;
      const renewIntervalMs = durationToMs(renewInterval) || DEFAULT_RENEW_MS;
      listener.welcome({ sessionId, replicaId, renewIntervalMs, replicas });
      return;
    }
    case "registered": {
      const { requestId, results } = message.value;
      listener.registered(Number(requestId), results.map(resultFromWire));
      return;
    }
    case "deregistered":
      listener.deregistered(Number(message.value.requestId));
      return;
    case "beat":
      listener.beat();
      return;
    case "notice": {
      const notice = noticeFromWire(message.value);
      if (notice !== undefined) listener.notice(notice);
      return;
    }
    case "drain": {
      const { retryAfter, replicas } = message.value;
      listener.drain(durationToMs(retryAfter) ?? 0, replicas);
      return;
    }
    case undefined:
      // A message of a newer protocol.
      return;
  }
}

function resultFromWire({ accepted, code, reason, message }: RegisterResult): RegistrationResult {
  if (accepted === undefined) return { kind: "refused", code, reason, message };
  return {
    kind: "accepted",
    registrationId: accepted.registrationId,
    generation: Number(accepted.generation),
    leaseToken: accepted.leaseToken,
    renewIntervalMs: durationToMs(accepted.renewInterval) || DEFAULT_RENEW_MS,
  };
}

function noticeFromWire({ lease, kind, detail }: InstanceNotice): AttachNotice | undefined {
  if (lease === undefined) return undefined;
  switch (kind) {
    case NoticeKind.NOTICE_KIND_SUPERSEDED:
      return { lease, kind: "superseded", detail };
    case NoticeKind.NOTICE_KIND_REATTACH:
      return { lease, kind: "reattach", detail };
    case NoticeKind.NOTICE_KIND_EVICTED:
      return { lease, kind: "evicted", detail };
    default:
      return undefined;
  }
}

function attachSession(stream: StreamClient<AttachRequest>): AttachSession {
  return {
    register(requestId, registrations) {
      const value = {
        requestId: BigInt(requestId),
        registrations: registrations.map(registrationToWire),
      };
      stream.write({ message: { $case: "register", value } });
    },
    beat(sequence) {
      stream.write({ message: { $case: "beat", value: { sequence: BigInt(sequence) } } });
    },
    health(reports) {
      const value = {
        reports: reports.map(({ lease, health }) => ({
          lease: { ...lease },
          health: healthToWire(health),
        })),
      };
      stream.write({ message: { $case: "health", value } });
    },
    deregister(requestId, leases) {
      const value = { requestId: BigInt(requestId), leases: leases.map((lease) => ({ ...lease })) };
      stream.write({ message: { $case: "deregister", value } });
    },
    close: () => stream.close(),
  };
}

function registrationToWire({ instance, defaults, leaseToken }: Registration) {
  return {
    instance: instanceToWire(instance),
    serviceDefaults: defaults && defaultsToWire(defaults),
    leaseToken: Buffer.from(leaseToken),
  };
}
