import { status as Code, experimental, Metadata, connectivityState as State } from "@grpc/grpc-js";
import type { ChannelEndpoint, ChannelService } from "../../ports/channel-balancing.ts";
import { MeshCall } from "./mesh-call.ts";
import type { NoMesh } from "./mesh-registry.ts";

/** A connection to one endpoint. */
export type Leaf = InstanceType<typeof experimental.LeafLoadBalancer>;

/** What a picker needs to know of the connections: the balancer makes a new picker when it changes. */
export interface Connections {
  readonly leaves: ReadonlyMap<ChannelEndpoint, Leaf>;
  /** Endpoints without a connection now. */
  readonly unready: readonly ChannelEndpoint[];
  /** A connection is on its way: calls that find no other wait for it. */
  readonly isConnecting: boolean;
  /** Why the last connection failed. */
  readonly lastError: string;
}

const NOTHING_TRIED: readonly ChannelEndpoint[] = [];

const QUEUED: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};

/**
 * Sends each call where the service's policy says, at the moment of the call: an endpoint that
 * began to drain gets none, whether or not the balancer has heard of it.
 */
export class MeshPicker implements experimental.Picker {
  readonly #service: ChannelService;
  readonly #connections: Connections;
  readonly #retries: boolean;

  constructor(service: ChannelService, connections: Connections, retries: boolean) {
    this.#service = service;
    this.#retries = retries;
    this.#connections = connections;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const first = this.#service.pick(NOTHING_TRIED);
    if (first === undefined) return refusal(this.#service.whyEmpty(), false);
    return this.#call(first, args) ?? this.#pickAmongReady(args) ?? this.#noneReady();
  }

  #pickAmongReady(args: experimental.PickArgs): experimental.PickResult | undefined {
    const { leaves, unready } = this.#connections;
    if (unready.length === leaves.size) return undefined;
    const other = this.#service.pick(unready);
    return other === undefined ? undefined : this.#call(other, args);
  }

  /** `undefined` when there is no connection to that endpoint. */
  #call(
    endpoint: ChannelEndpoint,
    args: experimental.PickArgs,
  ): experimental.PickResult | undefined {
    const leaf = this.#connections.leaves.get(endpoint);
    if (leaf?.getConnectivityState() !== State.READY) return undefined;
    const { subchannel } = leaf.getPicker().pick(args);
    return subchannel === null
      ? undefined
      : new MeshCall(this.#service, endpoint, subchannel, this.#retries);
  }

  #noneReady(): experimental.PickResult {
    const { isConnecting, lastError } = this.#connections;
    if (isConnecting) return QUEUED;
    const advice = "check that its instances run and listen on the ports that they registered";
    return refusal(
      `no connection to any endpoint of ${this.#service.key}: ${lastError}; ${advice}`,
      false,
    );
  }
}

/** Fails every call, with one sentence. */
export class RefusingPicker implements experimental.Picker {
  readonly #result: experimental.PickResult;

  constructor({ problem, isFinal }: NoMesh) {
    this.#result = refusal(problem, isFinal);
  }

  pick(): experimental.PickResult {
    return this.#result;
  }
}

/** @param isFinal also ends calls that were told to wait until the service is ready. */
function refusal(details: string, isFinal: boolean): experimental.PickResult {
  const { DROP, TRANSIENT_FAILURE } = experimental.PickResultType;
  return {
    pickResultType: isFinal ? DROP : TRANSIENT_FAILURE,
    subchannel: null,
    status: { code: Code.UNAVAILABLE, details, metadata: new Metadata() },
    onCallStarted: null,
    onCallEnded: null,
  };
}
