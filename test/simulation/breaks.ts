import { EndpointSet } from "../../src/core/discovery/endpoint-set.ts";
import { Fences as AgentFences } from "../../src/core/discovery/fences.ts";
import { type Fence, Fences as RegistryFences } from "../../src/core/registry/fences.ts";
import { ChangeBuilder } from "../../src/core/replication/origin-change.ts";
import { OriginPulls } from "../../src/core/replication/origin-pulls.ts";
import type { Registration } from "../../src/ports/attach-source.ts";

/** A fault that is planted into the programs, to see that it is found. */
export interface Break {
  /** Changes the shipped code within this process. @returns what puts it right again. */
  readonly plant: () => () => void;
  /** What a client sends instead. */
  readonly registration?: (registration: Registration) => Registration;
  readonly forgetsFences?: boolean;
}

const nothing = (): (() => void) => () => undefined;

/** By the names that `--break` takes. */
export const BREAKS: Readonly<Record<string, Break>> = {
  /** A registry forgets who was deregistered, superseded, evicted or expired. */
  tombstones: {
    forgetsFences: true,
    plant: () => replaced(RegistryFences.prototype, "find", () => undefined),
  },
  /** A client attaches again without raising its generation. */
  generation: {
    plant: nothing,
    registration: ({ instance, ...rest }) => ({
      ...rest,
      instance: { ...instance, generation: 1 },
    }),
  },
  /** A replica that lacks messages of another one does not ask for them. */
  "gap-pull": {
    plant: () => {
      const { want } = OriginPulls.prototype;
      return replaced(OriginPulls.prototype, "want", function (this: OriginPulls, what, ...rest) {
        if (what.kind !== "from-seq") want.call(this, what, ...rest);
      });
    },
  },
  /** What a replica that restarted does not know yet is taken for ended. */
  "epoch-swap": { plant: plantEpochSwap },
  /** An agent believes whatever comes last about an endpoint that it saw draining or leaving. */
  "drain-merge": {
    plant: () => replaced(AgentFences.prototype, "judge", () => "allowed"),
  },
  /** An agent that cannot read an endpoint goes on without its former content. */
  "nack-cursor": { plant: plantNackCursor },
};

function plantEpochSwap(): () => void {
  const { succeed } = ChangeBuilder.prototype;
  return replaced(
    ChangeBuilder.prototype,
    "succeed",
    function (this: ChangeBuilder, former, next, fences) {
      const lost = [...former.entries()].filter(({ key }) => next.get(key) === undefined);
      const ends = lost.map(({ serviceKey, instanceId, record }): Fence => {
        const { registrationId, generation } = record.instance;
        const hlc = record.firstRegisteredHlc;
        const kind = "generation";
        return { serviceKey, instanceId, registrationId, kind, generation, hlc, reason: "expired" };
      });
      return succeed.call(this, former, next, [...fences, ...ends]);
    },
  );
}

function plantNackCursor(): () => void {
  const rejected = new WeakMap<EndpointSet, Set<string>>();
  const { apply, endpoints } = EndpointSet.prototype;
  const restoreApply = replaced(
    EndpointSet.prototype,
    "apply",
    function (this: EndpointSet, ...args) {
      const result = apply.apply(this, args);
      const ids = rejected.get(this) ?? new Set();
      rejected.set(this, ids);
      for (const { id } of result.rejected) ids.add(id);
      return result;
    },
  );
  const restoreEndpoints = replaced(
    EndpointSet.prototype,
    "endpoints",
    function (this: EndpointSet) {
      const ids = rejected.get(this);
      const list = endpoints.call(this);
      return ids === undefined || ids.size === 0 ? list : list.filter(({ id }) => !ids.has(id));
    },
  );
  return () => {
    restoreApply();
    restoreEndpoints();
  };
}

function replaced<T extends object, K extends keyof T>(target: T, name: K, by: T[K]): () => void {
  const former = target[name];
  target[name] = by;
  return () => {
    target[name] = former;
  };
}
