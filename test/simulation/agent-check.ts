import type { EndpointsUpdate, Update } from "../../src/core/discovery/update.ts";
import type { Endpoint, Removal } from "../../src/core/model/endpoint.ts";
import { type ServiceKey, serviceKey } from "../../src/core/model/names.ts";
import type { DataPlane } from "../../src/data-plane/data-plane.ts";
import type { ServiceEntry } from "../../src/data-plane/service-table.ts";
import type { WatchListener } from "../../src/ports/watch-source.ts";
import { SeenByAgent } from "./seen-by-agent.ts";
import { SERVICE_KEYS, UNREADABLE_WEIGHT } from "./services.ts";
import type { SimWorld } from "./sim-world.ts";
import { StreamOrder } from "./stream-order.ts";

/** What an older agent makes of an address of a kind that it does not know. */
const NO_ADDRESS = { kind: "ip", value: "" } as const;

/** The agent, as its check sees it. */
interface CheckedAgent {
  readonly name: string;
  readonly isOld: boolean;
  readonly plane: DataPlane | undefined;
}

/** Looks at everything that one process of an agent is told, and at what it makes of it. */
export class AgentCheck {
  readonly #world: SimWorld;
  readonly #agent: CheckedAgent;
  readonly #seen = new SeenByAgent();

  constructor(world: SimWorld, agent: CheckedAgent) {
    this.#world = world;
    this.#agent = agent;
  }

  /** What it restored from its file counts as seen. */
  started(): void {
    for (const key of SERVICE_KEYS) {
      for (const endpoint of this.#entry(key)?.set.endpoints() ?? [])
        this.#seen.endpoint(key, endpoint);
    }
  }

  /** Stands between the network and the agent. */
  observe(listener: WatchListener): WatchListener {
    const order = new StreamOrder((what) => this.#violate(what));
    return {
      welcome: (welcome) => {
        this.#world.say(`${this.#agent.name} is welcomed, epoch ${welcome.epoch}`);
        listener.welcome(welcome);
      },
      update: (update) => this.#update(this.#asRead(update), listener, order),
      heartbeat: () => listener.heartbeat(),
      drain: (retryAfterMs, reason, replicas) => listener.drain(retryAfterMs, reason, replicas),
      end: (end) => listener.end(end),
    };
  }

  /** Why this agent must not pick an endpoint, by what it has seen. */
  whyNotSelectable(endpoint: Endpoint): string | undefined {
    return this.#seen.whyNotSelectable(endpoint);
  }

  /** Whether it may keep that one out, whoever lists it. */
  mayRefuse(endpoint: Endpoint): boolean {
    return this.whyNotSelectable(endpoint) !== undefined || this.#seen.wasReplaced(endpoint);
  }

  /** A request is about to go there. */
  picked(key: ServiceKey, endpoint: Endpoint): void {
    const reason = this.#seen.whyNotSelectable(endpoint);
    if (reason !== undefined) this.#violate(`picked ${endpoint.registrationId}, ${reason}`);
    if (endpoint.state !== "draining") return;
    const other = this.#entry(key)?.set.endpoints().find(isOrdinary);
    if (other !== undefined) {
      this.#violate(`picked ${endpoint.registrationId}, which drains, beside ${other.id}`);
    }
  }

  #update(update: Update, listener: WatchListener, order: StreamOrder): void {
    if (update.type === "service") {
      listener.update(update);
      return;
    }
    const key = serviceKey(update.namespace, update.service);
    this.#world.say(`${this.#agent.name} hears ${describe(update)}`);
    const whole = order.received(key, update, this.#entry(key)?.set.version);
    const before = this.#entry(key)?.set.endpoints() ?? [];
    listener.update(update);
    if (whole !== undefined) {
      this.#seen.removals(whole.removals, whole.upserts);
      for (const endpoint of whole.upserts) this.#seen.endpoint(key, endpoint);
      this.#checkLosses(key, before, update, whole);
    }
    this.#checkSelectable(key);
  }

  #checkLosses(
    key: ServiceKey,
    before: readonly Endpoint[],
    { settled, kind }: EndpointsUpdate,
    { upserts, removals }: { upserts: readonly Endpoint[]; removals: readonly Removal[] },
  ): void {
    const after = this.#entry(key)?.set.endpoints() ?? [];
    for (const { id, registrationId } of before) {
      if (after.some((endpoint) => endpoint.id === id)) continue;
      const isNamed = removals.some((removal) => removal.id === id);
      const isListed = upserts.some((endpoint) => endpoint.id === id);
      if (isNamed || (settled && !isListed)) continue;
      this.#violate(`lost ${registrationId} by a ${kind} that gives no cause`);
    }
  }

  #checkSelectable(key: ServiceKey): void {
    const entry = this.#entry(key);
    for (const endpoint of entry?.set.endpoints() ?? []) {
      const reason = this.#seen.whyNotSelectable(endpoint);
      if (reason !== undefined) this.#violate(`may pick ${endpoint.registrationId}, ${reason}`);
    }
    for (const { endpoint } of entry?.upstream.candidates ?? []) {
      if (entry?.set.endpoints().includes(endpoint) !== true) {
        this.#violate(`may pick ${endpoint.registrationId}, which is not in its set`);
      }
    }
  }

  #asRead(update: Update): Update {
    if (update.type === "service" || !this.#agent.isOld) return update;
    const upserts = update.upserts.map((endpoint) =>
      endpoint.weight === UNREADABLE_WEIGHT ? { ...endpoint, address: NO_ADDRESS } : endpoint,
    );
    return { ...update, upserts };
  }

  #entry(key: ServiceKey): ServiceEntry | undefined {
    return this.#agent.plane?.table.entry(key);
  }

  #violate(what: string): void {
    this.#world.violate(`agent ${this.#agent.name} ${what}`);
  }
}

/** Takes requests in the ordinary course. */
export function isOrdinary({ state, weight }: Endpoint): boolean {
  return (state === "healthy" || state === "suspect") && weight > 0;
}

function describe(update: EndpointsUpdate): string {
  const { service, kind, fromVersion, version, settled, upserts, removals } = update;
  const plus = upserts.map(
    ({ registrationId, state, operatorRevision }) =>
      ` +${registrationId}:${state}/${operatorRevision}`,
  );
  const minus = removals.map(({ registrationId, reason }) => ` -${registrationId}:${reason}`);
  const trust = settled ? "" : " unsettled";
  return `${service} ${kind} ${fromVersion}>${version}${plus.join("")}${minus.join("")}${trust}`;
}
