import { EndpointSet } from "../../src/core/discovery/endpoint-set.ts";
import { Fences as AgentFences } from "../../src/core/discovery/fences.ts";
import { Fences as RegistryFences } from "../../src/core/registry/fences.ts";
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
  /** An agent believes whatever comes last about an endpoint that it saw draining or leaving. */
  "drain-merge": {
    plant: () => replaced(AgentFences.prototype, "judge", () => "allowed"),
  },
  /** An agent that cannot read an endpoint goes on without its former content. */
  "nack-cursor": { plant: plantNackCursor },
};

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
