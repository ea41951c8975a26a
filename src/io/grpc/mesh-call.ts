import { status as Code, experimental, connectivityState as State } from "@grpc/grpc-js";
import type {
  CallOutcome,
  ChannelEndpoint,
  ChannelService,
} from "../../ports/channel-balancing.ts";
import { AnswerHold, type CallListener } from "./mesh-answer.ts";

type Subchannel = NonNullable<experimental.PickResult["subchannel"]>;
type RealSubchannel = ReturnType<Subchannel["getRealSubchannel"]>;

/**
 * What gRPC's mapping to HTTP makes a 5xx: the endpoint's fault, as the sidecar counts. All other
 * codes are answers. Source: google/rpc/code.proto.
 */
const FAILURES: ReadonlySet<Code> = new Set([
  Code.UNKNOWN,
  Code.DEADLINE_EXCEEDED,
  Code.UNIMPLEMENTED,
  Code.INTERNAL,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);

/** What a call that ended so says of its endpoint. */
export function outcomeOf(code: Code): CallOutcome {
  if (code === Code.CANCELLED) return "cancelled";
  return FAILURES.has(code) ? "failure" : "success";
}

/** For all clients of this process: a method's path says what it is. */
const answers = new AnswerHold();

/** Picks of this turn of the event loop, whose calls may not have started. */
let picked: MeshCall[] = [];

function endTurn(): void {
  const calls = picked;
  picked = [];
  for (const call of calls) call.release();
}

/**
 * A picked call, and its place among those in flight.
 *
 * It counts from the pick on, so that calls which start together see each other. But gRPC says
 * nothing of a picked call that never starts: it was cancelled or its client closed in between, or
 * its connection went and it was picked again. So a pick holds its place until the turn of the
 * event loop is over, which suffices for calls whose credentials are at hand; from its start to
 * its end the call holds it.
 *
 *   picked --started--> running --ended--> done
 *     '--turn over--> released --started--> running
 */
export class MeshCall implements experimental.PickResult {
  readonly pickResultType = experimental.PickResultType.COMPLETE;
  readonly subchannel: Subchannel;
  readonly status = null;
  readonly #service: ChannelService;
  readonly #endpoint: ChannelEndpoint;
  /** `undefined` while it holds no place. */
  #beganAtMs: number | undefined;
  #respondedAtMs: number | undefined;
  readonly #retries: boolean;
  #isStarted = false;

  /** @param retries it is made again when it ends UNAVAILABLE. */
  constructor(
    service: ChannelService,
    endpoint: ChannelEndpoint,
    subchannel: Subchannel,
    retries: boolean,
  ) {
    this.#service = service;
    this.#retries = retries;
    this.#endpoint = endpoint;
    this.subchannel = this.#overseen(subchannel);
    this.#beganAtMs = endpoint.begin();
    if (picked.push(this) === 1) setImmediate(endTurn);
  }

  readonly onCallStarted = (): void => {
    this.#isStarted = true;
    this.#beganAtMs ??= this.#endpoint.begin();
  };

  /** gRPC calls it without `this`. */
  readonly onCallEnded = (code: Code): void => this.#end(outcomeOf(code));

  /** The turn in which it was picked is over. */
  release(): void {
    if (!this.#isStarted) this.#end("cancelled");
  }

  #end(outcome: CallOutcome): void {
    const beganAtMs = this.#beganAtMs;
    if (beganAtMs === undefined) return;
    this.#beganAtMs = undefined;
    this.#endpoint.end(outcome, beganAtMs, this.#respondedAtMs);
  }

  /**
   * The connection, for this call. While credentials are fetched the endpoint may begin to drain:
   * gRPC picks again when the connection says that it is not ready.
   */
  #overseen(subchannel: Subchannel): Subchannel {
    const overseen: Subchannel = Object.create(subchannel);
    overseen.getConnectivityState = () =>
      this.#endpoint.isLeaving ? State.IDLE : subchannel.getConnectivityState();
    overseen.getRealSubchannel = () => this.#observed(subchannel.getRealSubchannel());
    return overseen;
  }

  #observed(subchannel: RealSubchannel): RealSubchannel {
    const observed: RealSubchannel = Object.create(subchannel);
    observed.createCall = (metadata, host, method, listener, callNumber) =>
      subchannel.createCall(metadata, host, method, this.#listening(method, listener), callNumber);
    return observed;
  }

  #listening(method: string, caller: CallListener): CallListener {
    const listener = this.#retries ? answers.hold(method, caller) : caller;
    return {
      onReceiveMetadata: (metadata) => {
        this.#respondedAtMs = this.#service.nowMs();
        listener.onReceiveMetadata(metadata);
      },
      onReceiveMessage: (message: unknown) => listener.onReceiveMessage(message),
      onReceiveStatus: (status) => {
        // gRPC forgets `onCallEnded` of a call that it starts after it has failed it.
        this.#end(outcomeOf(status.code));
        listener.onReceiveStatus(status);
      },
    };
  }
}
