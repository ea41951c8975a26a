import { type ChannelOptions, experimental, connectivityState as State } from "@grpc/grpc-js";
import type { ChannelEndpoint, ChannelService } from "../../ports/channel-balancing.ts";
import { type Connections, type Leaf, MeshPicker, RefusingPicker } from "./mesh-picker.ts";
import { MESH_POLICY, MeshConfig } from "./mesh-plan.ts";
import type { NoMesh } from "./mesh-registry.ts";

/** How gRPC's leaves wrap the error of a connection. */
const LEAF_ERROR = /Last error: (?:Error: )?(.*?)\. Resolution note:/;

/**
 * Keeps one connection to each endpoint of a service for as long as the endpoint stays: neither a
 * weight nor a state nor another endpoint's end touches it. All endpoints are connected to at
 * once, as by gRPC's round_robin: a client of thousands of instances holds thousands of
 * connections. The connection to an endpoint that drains or turns unhealthy stays and is not
 * replaced; to one that left it closes after its calls have ended.
 */
export class MeshBalancer implements experimental.LoadBalancer {
  readonly #helper: experimental.ChannelControlHelper;
  readonly #leafHelper: experimental.ChannelControlHelper;
  #options: ChannelOptions = {};
  #service: ChannelService | undefined;
  #retries = false;
  #unsubscribe: () => void = () => undefined;
  #leaves = new Map<ChannelEndpoint, Leaf>();
  #lastError = "none was tried";
  /** While leaves come and go: their news would be of half a set. */
  #isChanging = false;

  constructor(helper: experimental.ChannelControlHelper) {
    this.#helper = helper;
    this.#leafHelper = experimental.createChildChannelControlHelper(helper, {
      updateState: (_state, _picker, error) => this.#leafChanged(error),
      // The mesh says what is new by itself.
      requestReresolution: () => undefined,
    });
  }

  updateAddressList(
    _endpoints: experimental.StatusOr<experimental.Endpoint[]>,
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
  ): boolean {
    if (!(config instanceof MeshConfig)) return false;
    const { plan } = config;
    this.#options = options;
    if ("failure" in plan) this.#refuse(plan.failure);
    else this.#follow(plan.service, plan.retries);
    return true;
  }

  /** There is no idle state: what is wanted is connected to. */
  exitIdle(): void {}

  /** Each connection has a backoff of its own, which gRPC gives no access to. */
  resetBackoff(): void {}

  destroy(): void {
    this.#leave();
  }

  getTypeName(): string {
    return MESH_POLICY;
  }

  #follow(service: ChannelService, retries: boolean): void {
    if (service === this.#service) return;
    this.#leave();
    this.#service = service;
    this.#retries = retries;
    this.#unsubscribe = service.subscribe(() => this.#update(service));
    this.#update(service);
  }

  #refuse(failure: NoMesh): void {
    this.#leave();
    const picker = new RefusingPicker(failure);
    this.#helper.updateState(State.TRANSIENT_FAILURE, picker, failure.problem);
  }

  /** Calls in flight end by themselves: a connection closes after its last one. */
  #leave(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => undefined;
    this.#service = undefined;
    this.#isChanging = true;
    for (const leaf of this.#leaves.values()) leaf.destroy();
    this.#leaves = new Map();
    this.#isChanging = false;
  }

  #update(service: ChannelService): void {
    const former = this.#leaves;
    this.#leaves = new Map();
    this.#isChanging = true;
    for (const endpoint of service.endpoints()) {
      const leaf = former.get(endpoint) ?? this.#newLeaf(endpoint);
      if (leaf === undefined) continue;
      former.delete(endpoint);
      this.#leaves.set(endpoint, leaf);
    }
    for (const leaf of former.values()) leaf.destroy();
    this.#isChanging = false;
    this.#refresh(service);
  }

  #newLeaf(endpoint: ChannelEndpoint): Leaf | undefined {
    if (!endpoint.isWanted) return undefined;
    const addresses = [addressOf(endpoint)];
    const leaf = new experimental.LeafLoadBalancer(
      { addresses },
      this.#leafHelper,
      this.#options,
      "",
    );
    leaf.startConnecting();
    return leaf;
  }

  #leafChanged(error: string | null): void {
    if (error !== null) this.#lastError = LEAF_ERROR.exec(error)?.[1] ?? error;
    if (!this.#isChanging && this.#service !== undefined) this.#refresh(this.#service);
  }

  #refresh(service: ChannelService): void {
    const unready: ChannelEndpoint[] = [];
    const idle: ChannelEndpoint[] = [];
    let isConnecting = false;
    for (const [endpoint, leaf] of this.#leaves) {
      const state = leaf.getConnectivityState();
      if (state === State.READY) continue;
      unready.push(endpoint);
      if (state === State.TRANSIENT_FAILURE || !endpoint.isWanted) continue;
      isConnecting = true;
      if (state === State.IDLE) idle.push(endpoint);
    }
    const leaves = this.#leaves;
    const connections = { leaves, unready, isConnecting, lastError: this.#lastError };
    const picker = new MeshPicker(service, connections, this.#retries);
    this.#helper.updateState(stateOf(connections), picker, this.#lastError);
    // What lost its connection gets a new one before a call asks for it. Unless it is gone by now:
    // the line above runs the callbacks of whoever watches the channel.
    for (const endpoint of idle) this.#leaves.get(endpoint)?.exitIdle();
  }
}

function stateOf({ leaves, unready, isConnecting }: Connections): State {
  if (unready.length < leaves.size) return State.READY;
  return isConnecting ? State.CONNECTING : State.TRANSIENT_FAILURE;
}

function addressOf({ address, port }: ChannelEndpoint): experimental.SubchannelAddress {
  return address.kind === "unix" ? { path: address.value } : { host: address.value, port };
}
