import type {
  ChannelOptions,
  Client,
  ClientDuplexStream,
  Metadata,
  ServiceError,
} from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { Destination } from "../../ports/destination.ts";
import type { StreamEnd } from "../../ports/stream-end.ts";
import type { ChannelAccess } from "./channel-access.ts";
import { readError } from "./error-details.ts";
import { OwnedSockets } from "./owned-sockets.ts";
import { DETAILS_KEY, grpcCode } from "./status.ts";

/** Writes that the peer has not taken. An agent writes some 20 messages a second, so it stopped reading long ago. */
const MAX_UNWRITTEN = 1_024;

/** Status of a stream that this side gave up: the same as of one whose connection broke. */
const UNAVAILABLE = 14;

/**
 * A channel of its own for every stream, so that closing one closes its connection: a server
 * that is frozen leaves a shared one connecting for ever.
 */
const STREAM_CHANNEL_OPTIONS: ChannelOptions = {
  "grpc.use_local_subchannel_pool": 1,
  // A peer that vanished without a word is noticed after 15 s.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.keepalive_permit_without_calls": 1,
  // Snapshots come in chunks of 256 KiB; this leaves room for one very large endpoint list.
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  // With the default of 64 KiB a snapshot takes a round trip for each.
  "grpc-node.flow_control_window": 1024 * 1024,
  "grpc.enable_channelz": 0,
  // An agent beside an application must reach the control plane, whatever proxy the application uses.
  "grpc.enable_http_proxy": 0,
  // The connection loop above decides when to retry.
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5_000,
};

/** One bidirectional stream on a channel of its own. */
export class StreamClient<Request> {
  readonly #call: ClientDuplexStream<Request, unknown>;
  readonly #client: Client;
  readonly #sockets: OwnedSockets;
  readonly #ended: (end: StreamEnd) => void;
  readonly #explain: Explain;
  #isOver = false;
  #isSilenced = false;
  #hasHeard = false;
  #unwritten = 0;

  constructor(
    call: ClientDuplexStream<Request, unknown>,
    client: Client,
    { sockets, explain }: StreamEntry,
    ended: (end: StreamEnd) => void,
  ) {
    this.#call = call;
    this.#client = client;
    this.#sockets = sockets;
    this.#ended = ended;
    this.#explain = explain;
    call.once("metadata", () => {
      this.#hasHeard = true;
    });
    // grpc-js reports a failure as `error` and then as `status`; success as `status` only.
    call.on("error", (error: ServiceError) => this.end(endOf(error)));
    call.on("status", ({ code, details }) =>
      this.end({ code, reason: "", message: details, retryAfterMs: undefined }),
    );
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  write(request: Request): void {
    if (this.#isOver) return;
    if (this.#unwritten >= MAX_UNWRITTEN) {
      const message = `the server took none of the last ${MAX_UNWRITTEN} messages`;
      this.end({ code: UNAVAILABLE, reason: "", message, retryAfterMs: undefined });
      return;
    }
    this.#unwritten++;
    this.#call.write(request, () => this.#unwritten--);
  }

  /** Writes nothing more; the server's end follows. */
  finish(): void {
    if (!this.#isOver) this.#call.end();
  }

  /** Ends without telling the listener. */
  close(): void {
    this.#isSilenced = true;
    this.#release();
  }

  /** Ends, and tells the listener once: of a connection that never stood as soon as it is known why. */
  end(end: StreamEnd): void {
    if (this.#isOver) return;
    this.#release();
    if (end.code !== UNAVAILABLE || this.#hasHeard) {
      this.#ended(end);
      return;
    }
    void this.#explain(end.message).then((why) => {
      if (!this.#isSilenced) this.#ended(why === undefined ? end : { ...end, message: why });
    });
  }

  #release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // First: Node ends a stream that it resets, and to a server that reads as a goodbye.
    this.#sockets.destroy();
    this.#call.cancel();
    this.#client.close();
  }
}

/** What a stream needs of an access before it can be opened. */
export interface StreamEntry {
  readonly channel: ChannelOptions;
  readonly sockets: OwnedSockets;
  readonly metadata: Metadata;
  readonly explain: Explain;
}

/** @returns how the stream ended before it began, when credentials cannot be used. */
export function enter(
  access: ChannelAccess,
  { name, address }: Destination,
): StreamEntry | StreamEnd {
  try {
    return {
      // One address of a name still has to show the name's certificate, and proxies route by it.
      channel:
        name === address
          ? STREAM_CHANNEL_OPTIONS
          : { ...STREAM_CHANNEL_OPTIONS, "grpc.default_authority": name },
      metadata: access.metadata(name),
      sockets: new OwnedSockets(access.credentials()),
      explain: (details) => access.explain(name, details),
    };
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    const { code, message } = error;
    return { code: grpcCode(code), reason: code, message, retryAfterMs: undefined };
  }
}

/** Finds out why a connection failed; never rejects. */
type Explain = (details: string) => Promise<string | undefined>;

function endOf({ code, details, message, metadata }: ServiceError): StreamEnd {
  const [packed] = metadata?.get(DETAILS_KEY) ?? [];
  const described = packed instanceof Uint8Array ? readError(packed) : undefined;
  return {
    code,
    reason: described?.reason ?? "",
    message: details || message,
    retryAfterMs: described?.detail.retryAfterMs,
  };
}
