import type { EndpointLoad } from "../core/balancing/endpoint-load.ts";
import { hash32 } from "../core/model/hash.ts";
import { formatAddress } from "../core/model/instance.ts";
import { type ServiceKey, serviceKey } from "../core/model/names.ts";
import type { Random } from "../core/model/random.ts";
import type { RouteMatch } from "../core/routing/match.ts";
import type { Clock } from "../ports/clock.ts";
import type { AttemptEnd, AttemptListener, Exchange, ReasonFlag } from "../ports/exchange.ts";
import type { AccessLog } from "./access-log.ts";
import { targetOf } from "./attempt-target.ts";
import type { Outcome } from "./service-stats.ts";
import type { UpstreamService } from "./upstream-service.ts";

/** What all passages of an agent share. */
export interface PassageContext {
  readonly clock: Clock;
  readonly random: Random;
  readonly accessLog: AccessLog;
  /** Take the client's address from X-Forwarded-For: only behind a proxy that sets it. */
  readonly trustForwardedFor: boolean;
  /** Called by each passage when it ended, once. */
  ended(): void;
}

const NOTHING_TRIED: readonly EndpointLoad[] = [];

/** Methods that mean the same when they happen twice. Source: RFC 9110, 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** One request on its way through the agent: what was decided and tried so far. */
export class Passage implements AttemptListener {
  readonly #context: PassageContext;
  readonly #exchange: Exchange;
  readonly #startedAtMs: number;
  #route: RouteMatch | undefined;
  #service: UpstreamService | undefined;
  #deadlineAtMs = 0;
  #affinity = 0;
  #load: EndpointLoad | undefined;
  #attemptAtMs = 0;
  #attempts = 0;
  #tried: EndpointLoad[] | undefined;
  /** What became of earlier attempts, for the last answer. */
  #history = "";

  constructor(context: PassageContext, exchange: Exchange, nowMs: number) {
    this.#context = context;
    this.#exchange = exchange;
    this.#startedAtMs = nowMs;
  }

  routedTo(route: RouteMatch): void {
    this.#route = route;
  }

  /** Begins as soon as the service is known. @param nowMs asked for once by whoever has it: clocks cost more than picks. */
  start(service: UpstreamService, nowMs: number): void {
    this.#service = service;
    // Deadline: before the first pick, because retries share it.
    this.#deadlineAtMs = nowMs + service.settings.requestTimeoutMs;
    // Budget: requests earn retries, and retries do not.
    service.retryBudget.deposit(nowMs);
    this.#affinity = hash32(this.#clientAddress());
    this.#send(service, nowMs);
  }

  /** Hears from the exchange how an attempt ended. */
  attemptEnded(end: AttemptEnd, status: number, detail: string): void {
    const service = this.#service;
    const load = this.#load;
    if (service === undefined || load === undefined) return;
    const nowMs = this.#context.clock.nowMs();
    // Outcome: before the retry, so that its pick knows.
    service.end(load, outcomeOf(end, status), this.#attemptAtMs, nowMs);
    if (end === "responded") {
      this.#finish(status, undefined, nowMs);
      return;
    }
    this.#note(load, service, detail);
    if (this.#retries(end, service, nowMs)) this.#send(service, nowMs);
    else this.#giveUp(end, status, nowMs);
  }

  /** Ends the request with an answer of the agent's own. */
  fail(status: number, reason: ReasonFlag, message: string): void {
    this.#exchange.reject(status, reason, message);
    this.#finish(status, reason, this.#context.clock.nowMs());
  }

  #send(service: UpstreamService, nowMs: number): void {
    // Pick: per attempt, because health and load change between two.
    const load = service.pick(
      nowMs,
      this.#context.random,
      this.#affinity,
      this.#tried ?? NOTHING_TRIED,
    );
    if (load === undefined) {
      service.stats.unavailable += 1;
      this.fail(503, "UH", `503: ${service.whyEmpty()}.`);
      return;
    }
    const { settings } = service;
    const target = targetOf(service.key, load.endpoint, settings.port);
    if (target === undefined) {
      this.fail(503, "UH", noSuchPort(load, settings.port));
      return;
    }
    // Send: counted before it connects, so that concurrent picks see it.
    this.#load = load;
    this.#attempts += 1;
    this.#attemptAtMs = nowMs;
    service.begin(load, nowMs);
    const timeoutMs = this.#deadlineAtMs - nowMs;
    const path = this.#route?.path ?? this.#exchange.path;
    this.#exchange.attempt(target, settings, path, timeoutMs, this);
  }

  /** Retry: last, within what the method, the body, the deadline and the budget allow. */
  #retries(end: FailedEnd, service: UpstreamService, nowMs: number): boolean {
    if (!this.#isSafeAfter(end) || !this.#exchange.canReplay) return false;
    if (nowMs >= this.#deadlineAtMs) return false;
    if (this.#attempts > service.settings.retryAttempts) return false;
    // Where nothing was sent, a retry adds no load: one dead instance of three must not eat the budget.
    if (end !== "connect-failed" && !service.retryBudget.tryWithdraw(nowMs)) {
      service.stats.retriesRefused += 1;
      return false;
    }
    service.stats.retries += 1;
    return true;
  }

  #isSafeAfter(end: FailedEnd): boolean {
    if (end === "connect-failed") return true;
    return end === "reset" && IDEMPOTENT.has(this.#exchange.method);
  }

  #note(load: EndpointLoad, service: UpstreamService, detail: string): void {
    this.#tried ??= [];
    this.#tried.push(load);
    const port = targetOf(service.key, load.endpoint, service.settings.port)?.port ?? 0;
    const where = `${load.endpoint.id} at ${formatAddress(load.endpoint.address, port)}`;
    this.#history += `${this.#history === "" ? "" : "; "}${where}: ${detail}`;
  }

  #giveUp(end: FailedEnd, status: number, nowMs: number): void {
    const failure = FAILURES[end];
    if (failure.status === 0) {
      this.#finish(status, failure.reason, nowMs);
      return;
    }
    const tried = this.#attempts === 1 ? "" : ` after ${this.#attempts} attempts`;
    const message = `${failure.status}: ${failure.what}${tried}: ${this.#history}. ${failure.advice}`;
    this.fail(failure.status, failure.reason, message);
  }

  #finish(status: number, reason: ReasonFlag | undefined, nowMs: number): void {
    this.#context.ended();
    const { accessLog } = this.#context;
    if (!accessLog.wants(status, reason)) return;
    const { method, host, path, bytesRelayed } = this.#exchange;
    accessLog.record({
      method,
      host,
      path,
      service: this.#serviceKey(),
      endpoint: this.#load?.endpoint.id,
      status,
      bytes: bytesRelayed,
      durationMs: nowMs - this.#startedAtMs,
      attempts: this.#attempts,
      reason,
    });
  }

  #serviceKey(): ServiceKey | undefined {
    if (this.#route === undefined) return undefined;
    return serviceKey(this.#route.namespace, this.#route.service);
  }

  #clientAddress(): string {
    const { clientAddress, forwardedFor } = this.#exchange;
    if (!this.#context.trustForwardedFor || forwardedFor === "") return clientAddress;
    const comma = forwardedFor.indexOf(",");
    return (comma === -1 ? forwardedFor : forwardedFor.slice(0, comma)).trim();
  }
}

/** Every end but the good one. */
type FailedEnd = Exclude<AttemptEnd, "responded">;

interface Failure {
  /** For the client; 0 when it has its answer, or is gone. */
  readonly status: number;
  readonly reason: ReasonFlag;
  readonly what: string;
  readonly advice: string;
}

/** What a request gets whose last attempt ended so. */
const FAILURES: Readonly<Record<FailedEnd, Failure>> = {
  "connect-failed": {
    status: 502,
    reason: "UF",
    what: "no connection to an endpoint",
    advice: "Check that the instance runs and listens on its registered port.",
  },
  reset: {
    status: 502,
    reason: "UR",
    what: "the endpoint closed the connection without a response",
    advice: "The request may have been carried out; see the instance's log.",
  },
  "timed-out": {
    status: 504,
    reason: "UT",
    what: "the endpoint did not answer in time",
    advice: "Look at the instance, or raise the service's timeout.",
  },
  "protocol-error": {
    status: 502,
    reason: "UP",
    what: "the exchange with the endpoint was not valid HTTP/1.1",
    advice: "Check that the registered port speaks HTTP/1.1.",
  },
  "client-slow": {
    status: 408,
    reason: "DT",
    what: "the request's body did not arrive in time",
    advice: "Send it faster, or raise the service's timeout.",
  },
  truncated: { status: 0, reason: "UR", what: "", advice: "" },
  "client-gone": { status: 0, reason: "DC", what: "", advice: "" },
};

function outcomeOf(end: AttemptEnd, status: number): Outcome {
  if (end === "responded") return status >= 500 ? "failure" : "success";
  return end === "client-gone" || end === "client-slow" ? "cancelled" : "failure";
}

function noSuchPort(load: EndpointLoad, portName: string | undefined): string {
  const names = load.endpoint.ports.map(({ name }) => name).join(", ");
  return `503: endpoint ${load.endpoint.id} has no port "${portName ?? ""}", only: ${names}. Correct the service's port in the agent's configuration.`;
}
