import type { EndpointLoad } from "../../core/balancing/endpoint-load.ts";
import { formatAddress, type Metadata } from "../../core/model/instance.ts";
import type { Outcome } from "../../data-plane/service-stats.ts";
import type { UpstreamService } from "../../data-plane/upstream-service.ts";
import type { Clock } from "../../ports/clock.ts";
import type { AttemptTarget } from "../../ports/exchange.ts";

/**
 * An endpoint chosen for one request that the program sends itself. Counted as in flight until
 * `end`: forgetting it would make the endpoint look busy for ever, so use it with `using`, or in
 * a `try` with `finally`.
 */
export class Pick {
  /** The instance's id. */
  readonly id: string;
  /** An IP address, a host name, or the path of a unix socket. */
  readonly address: string;
  /** 0 for a unix socket. */
  readonly port: number;
  /** `10.0.0.7:80`, `[::1]:80` or `unix:/run/x.sock`. */
  readonly host: string;
  readonly metadata: Metadata;
  readonly load: EndpointLoad;
  readonly #service: UpstreamService;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #isEnded = false;

  constructor(service: UpstreamService, load: EndpointLoad, target: AttemptTarget, clock: Clock) {
    this.id = load.endpoint.id;
    this.address = target.address.value;
    this.port = target.port;
    this.host = formatAddress(target.address, target.port);
    this.metadata = load.endpoint.metadata;
    this.load = load;
    this.#service = service;
    this.#clock = clock;
    this.#startedAtMs = clock.nowMs();
    service.begin(load, this.#startedAtMs);
  }

  /**
   * Says how the request went: what the policy knows of the endpoint comes from it. A failure is
   * the endpoint's: an error of the connection, or a 5xx. The second call does nothing.
   */
  end(outcome: Outcome): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#service.end(this.load, outcome, this.#startedAtMs, this.#clock.nowMs());
  }

  /** The end of a `using` block that said nothing. */
  [Symbol.dispose](): void {
    this.end("cancelled");
  }
}
