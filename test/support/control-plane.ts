import {
  type ControlPlane,
  type ControlPlaneOptions,
  startControlPlane,
} from "../../src/apps/control-plane/start.ts";
import type { OriginPosition } from "../../src/core/discovery/seen-positions.ts";
import type { EndpointsUpdate, Update } from "../../src/core/discovery/update.ts";
import { NO_LOCALITY, type ServiceDefaults } from "../../src/core/model/instance.ts";
import type { MeshError } from "../../src/core/model/mesh-error.ts";
import type { RegisterInput } from "../../src/core/registry/admission.ts";
import { memoryPolicyStore } from "../../src/io/local-policy-store.ts";
import { noRegistryStore } from "../../src/io/no-registry-store.ts";
import type { Log } from "../../src/ports/log.ts";
import type { ServerHost } from "../../src/ports/server-host.ts";
import type { WatchSession, WatchSink } from "../../src/ports/watch-service.ts";
import { anInstance } from "./builders.ts";
import type { FakeClock } from "./fake-clock.ts";

export const quietLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** A machine of which nothing is known. */
export const quietHost: ServerHost = {
  listeners: () => [],
  finishedCalls: () => [],
  certificateExpiresAtMs: () => undefined,
  stateDirectory: () => ({ path: "", freeBytes: 0, totalBytes: 0, problem: "" }),
  process: () => ({
    eventLoopLagMs: 0,
    heapUsedBytes: 0,
    heapLimitBytes: 0,
    openFiles: 0,
    openFilesLimit: 0,
  }),
};

const encoded = new Map<Uint8Array, Update>();

/** A whole replica on a clock that is moved by hand; updates stay readable. */
export function aControlPlane(
  clock: FakeClock,
  more: Partial<ControlPlaneOptions> = {},
): ControlPlane {
  return startControlPlane({
    replicaId: "cp",
    softwareVersion: "test",
    clock,
    log: quietLog,
    store: noRegistryStore,
    policies: memoryPolicyStore(clock),
    encoder: {
      encode(update) {
        const bytes = new Uint8Array(64);
        encoded.set(bytes, update);
        return bytes;
      },
      sizeOf: () => 100_000,
    },
    host: quietHost,
    settleAfterMs: 0,
    ...more,
  });
}

export function anInput(of: Parameters<typeof anInstance>[0] = {}): RegisterInput {
  return { instance: anInstance(of), defaults: undefined };
}

/** An agent that keeps what it is told, and says only what a test lets it say. */
export class TestAgent implements WatchSink {
  readonly frames: Uint8Array[] = [];
  readonly session: WatchSession;
  canTake = true;
  endedWith: MeshError | "ok" | undefined;
  heartbeats = 0;

  constructor(
    plane: ControlPlane,
    agentId: string,
    isDataPlane = true,
    seen: readonly OriginPosition[] = [],
  ) {
    const hello = { agentId, isDataPlane, locality: NO_LOCALITY, softwareVersion: "1", peer: "p" };
    this.session = plane.watches.open({ ...hello, seen }, this);
  }

  send(frame: Uint8Array): boolean {
    this.frames.push(frame);
    return this.canTake;
  }

  heartbeat(): void {
    this.heartbeats++;
  }

  drain(): void {}

  end(error?: MeshError): void {
    this.endedWith = error ?? "ok";
    this.session.closed(false);
  }

  watch(service = "orders"): this {
    this.session.subscribe([{ namespace: "default", service, resume: undefined }]);
    return this;
  }

  /** What came, as one line each: kind, versions, `+id` and `-id`. */
  get told(): string[] {
    return this.updates.map((update) => {
      const head = `${update.kind}${update.kind === "delta" ? ` ${update.fromVersion}` : ""}>${update.version}`;
      const upserts = update.upserts.map(({ id, state }) => ` +${id}:${state}`);
      const removals = update.removals.map(({ id, reason }) => ` -${id}:${reason}`);
      return `${head}${upserts.join("")}${removals.join("")}${update.settled ? "" : " unsettled"}`;
    });
  }

  get updates(): EndpointsUpdate[] {
    return this.frames
      .map((frame) => encoded.get(frame))
      .filter((update): update is EndpointsUpdate => update?.type === "endpoints");
  }

  /** What came of the service's own record, oldest first. */
  get defaults(): (ServiceDefaults | undefined)[] {
    return this.frames
      .map((frame) => encoded.get(frame))
      .flatMap((update) => (update?.type === "service" ? [update.defaults] : []));
  }

  /** Acknowledges everything so far. */
  ack(more: { held?: boolean } = {}): void {
    const last = this.updates.at(-1);
    if (last === undefined) return;
    const { namespace, service, version, chunk } = last;
    const nonce = { type: "endpoints" as const, namespace, service, version, chunk };
    this.session.acknowledge([
      { nonce, rejected: [], digestMismatch: false, held: more.held ?? false },
    ]);
  }

  inFlight(instanceId: string, registrationId: string, count: number): void {
    this.session.reportInFlight([
      { namespace: "default", service: "orders", instanceId, registrationId, count },
    ]);
  }
}
