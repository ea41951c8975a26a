import type { InFlightReport, ResourceAck } from "../../src/core/discovery/update.ts";
import type { Health } from "../../src/core/model/instance.ts";
import type {
  AttachListener,
  AttachSession,
  AttachSource,
  LeaseName,
  Registration,
} from "../../src/ports/attach-source.ts";
import type { Destination } from "../../src/ports/destination.ts";
import type { Log } from "../../src/ports/log.ts";
import type { StreamEnd } from "../../src/ports/stream-end.ts";
import type {
  AgentHello,
  ServiceSubscription,
  WatchListener,
  WatchSource,
  WatchStream,
} from "../../src/ports/watch-source.ts";

/** A failure with that status and nothing else. */
export function streamEnd(code: number, more: Partial<StreamEnd> = {}): StreamEnd {
  return { code, reason: "", message: "", retryAfterMs: undefined, ...more };
}

/** One Watch stream that a test plays the server of. */
export class FakeWatchStream implements WatchStream {
  readonly address: string;
  readonly listener: WatchListener;
  /** Everything that was written, in order, for tests of that order. */
  readonly written: string[] = [];
  readonly subscribed: (ServiceSubscription | "all")[] = [];
  readonly acks: ResourceAck[] = [];
  readonly reports: InFlightReport[] = [];
  isClosed = false;

  constructor(address: string, listener: WatchListener) {
    this.address = address;
    this.listener = listener;
  }

  welcome(epoch = 1): void {
    this.listener.welcome({ replicaId: "r1", epoch, heartbeatIntervalMs: 10_000, replicas: [] });
  }

  subscribe(all: boolean, subscriptions: readonly ServiceSubscription[]): void {
    this.written.push("subscribe");
    if (all) this.subscribed.push("all");
    this.subscribed.push(...subscriptions);
  }

  acknowledge(acks: readonly ResourceAck[]): void {
    this.written.push("ack");
    this.acks.push(...acks);
  }

  reportInFlight(reports: readonly InFlightReport[]): void {
    this.written.push("in-flight");
    this.reports.push(...reports);
  }

  heartbeat(sequence: number): void {
    this.written.push(`heartbeat ${sequence}`);
  }

  goodbye(): void {
    this.written.push("goodbye");
    this.listener.end(streamEnd(0));
  }

  close(): void {
    this.isClosed = true;
  }
}

export class FakeWatchSource implements WatchSource {
  readonly streams: FakeWatchStream[] = [];
  readonly hellos: AgentHello[] = [];

  open({ address }: Destination, hello: AgentHello, listener: WatchListener): FakeWatchStream {
    this.hellos.push(hello);
    const stream = new FakeWatchStream(address, listener);
    this.streams.push(stream);
    return stream;
  }

  get last(): FakeWatchStream {
    const stream = this.streams.at(-1);
    if (stream === undefined) throw new Error("no stream was opened");
    return stream;
  }
}

/** One Attach session that a test plays the server of. */
export class FakeAttachSession implements AttachSession {
  readonly listener: AttachListener;
  readonly batches: { requestId: number; registrations: readonly Registration[] }[] = [];
  readonly healths: { lease: LeaseName; health: Health }[] = [];
  readonly deregistered: LeaseName[] = [];
  /** Registrations and their ends, in order. */
  readonly calls: string[] = [];
  beats = 0;
  isClosed = false;
  answersGoodbye = true;

  constructor(listener: AttachListener) {
    this.listener = listener;
  }

  welcome(): void {
    const more = { renewIntervalMs: 5_000, replicas: [] };
    this.listener.welcome({ sessionId: "s1", replicaId: "r1", ...more });
  }

  /** Accepts everything of the last batch. */
  accept(token = "token", renewIntervalMs = 5_000): void {
    const batch = this.batches.at(-1);
    if (batch === undefined) throw new Error("nothing was registered");
    this.listener.registered(
      batch.requestId,
      batch.registrations.map(({ instance: { registrationId, generation } }) => ({
        kind: "accepted" as const,
        registrationId,
        generation,
        leaseToken: Buffer.from(token),
        renewIntervalMs,
      })),
    );
  }

  register(requestId: number, registrations: readonly Registration[]): void {
    const ids = registrations.map(({ instance }) => instance.registrationId);
    this.calls.push(`register ${ids.join(" ")}`);
    this.batches.push({ requestId, registrations });
  }

  beat(): void {
    this.beats++;
  }

  health(reports: readonly { readonly lease: LeaseName; readonly health: Health }[]): void {
    this.healths.push(...reports);
  }

  deregister(requestId: number, leases: readonly LeaseName[]): void {
    this.calls.push(`deregister ${leases.map((lease) => lease.registrationId).join(" ")}`);
    this.deregistered.push(...leases);
    if (this.answersGoodbye) this.listener.deregistered(requestId);
  }

  close(): void {
    this.isClosed = true;
  }
}

export class FakeAttachSource implements AttachSource {
  readonly sessions: FakeAttachSession[] = [];

  open(_to: Destination, _hello: unknown, listener: AttachListener): FakeAttachSession {
    const session = new FakeAttachSession(listener);
    this.sessions.push(session);
    return session;
  }

  get last(): FakeAttachSession {
    const session = this.sessions.at(-1);
    if (session === undefined) throw new Error("no session was opened");
    return session;
  }
}

/** Keeps what was said, as `level: message`. */
export class FakeLog implements Log {
  readonly lines: string[] = [];

  debug(_fields: object, message: string): void {
    this.lines.push(`debug: ${message}`);
  }

  info(_fields: object, message: string): void {
    this.lines.push(`info: ${message}`);
  }

  warn(_fields: object, message: string): void {
    this.lines.push(`warn: ${message}`);
  }

  error(_fields: object, message: string): void {
    this.lines.push(`error: ${message}`);
  }

  saying(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }
}

/** A destination without a name to resolve. */
export function at(address: string): Destination {
  return { name: address, address };
}
