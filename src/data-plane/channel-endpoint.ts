import type { EndpointLoad } from "../core/balancing/endpoint-load.ts";
import type { Endpoint } from "../core/model/endpoint.ts";
import type { Address, Port } from "../core/model/instance.ts";
import type { CallOutcome, ChannelEndpoint } from "../ports/channel-balancing.ts";
import type { Clock } from "../ports/clock.ts";
import type { UpstreamService } from "./upstream-service.ts";

/** No answer takes longer: a call that was silent for that long is a stream that waits for its first event. */
export const LONGEST_RESPONSE_MS = 60_000;

/**
 * The port that gRPC calls go to.
 *
 * @param portName from the service's settings; when left out, the first port that speaks gRPC,
 *   or the first one of all.
 * @returns `undefined` when the endpoint has no port of that name.
 */
export function grpcPort({ ports }: Endpoint, portName: string | undefined): Port | undefined {
  if (portName !== undefined) return ports.find(({ name }) => name === portName);
  return ports.find(({ protocol }) => protocol === "grpc") ?? ports[0];
}

/** An endpoint at the address that it had when it was made; weight and state are those of now. */
export class BalancedEndpoint implements ChannelEndpoint {
  readonly load: EndpointLoad;
  readonly address: Address;
  readonly port: number;
  readonly #upstream: UpstreamService;
  readonly #clock: Clock;
  /** Set when this process, or this address of it, is no longer registered. */
  hasLeft = false;

  constructor(load: EndpointLoad, port: number, upstream: UpstreamService, clock: Clock) {
    this.load = load;
    this.address = load.endpoint.address;
    this.port = port;
    this.#upstream = upstream;
    this.#clock = clock;
  }

  get id(): string {
    return this.load.endpoint.id;
  }

  get isWanted(): boolean {
    return this.load.endpoint.state !== "unhealthy" && !this.isLeaving;
  }

  get isLeaving(): boolean {
    if (this.hasLeft) return true;
    if (this.load.endpoint.state !== "draining") return false;
    // Candidates are of one kind: draining ones are picked while there are no others.
    return this.#upstream.candidates[0]?.endpoint.state !== "draining";
  }

  /** True when it can stand for that endpoint: same process, same address. */
  isAt(address: Address, port: number): boolean {
    const isSameHost = address.kind === this.address.kind && address.value === this.address.value;
    return isSameHost && port === this.port;
  }

  begin(): number {
    const nowMs = this.#clock.nowMs();
    this.#upstream.begin(this.load, nowMs);
    return nowMs;
  }

  end(outcome: CallOutcome, beganAtMs: number, respondedAtMs: number | undefined): void {
    const nowMs = this.#clock.nowMs();
    const responseMs = (respondedAtMs ?? nowMs) - beganAtMs;
    // What says nothing of the endpoint leaves what is believed of it as it is.
    const isSilentStream = outcome !== "failure" && responseMs > LONGEST_RESPONSE_MS;
    const observedMs = isSilentStream ? this.load.decayedEwmaMs(nowMs) : responseMs;
    this.#upstream.end(this.load, outcome, nowMs - observedMs, nowMs);
  }
}
