import fc from "fast-check";
import { expect, test } from "vitest";
import {
  A,
  B,
  BASE,
  C,
  delta,
  digestOf,
  EPOCH,
  endpoint,
  ids,
  removal,
  setWith,
  snapshot,
} from "../../../test/support/endpoint-updates.ts";
import type { Endpoint, Removal } from "../model/endpoint.ts";
import { EndpointSet } from "./endpoint-set.ts";
import type { EndpointsUpdate } from "./update.ts";

/** A server in small: the true set, its versions, and what it would send. */
class Source {
  readonly now = new Map<string, Endpoint>();
  readonly #log: { version: number; id: string; removal: Removal | undefined }[] = [];
  version = 0;
  #processes = 0;

  change(id: string, kind: "put" | "weigh" | "drain" | "undrain" | "remove"): void {
    const known = this.now.get(id);
    if (kind === "put" || known === undefined) {
      if (known !== undefined || kind !== "put") return;
      this.now.set(id, endpoint(id, { process: `${id}-${++this.#processes}` }));
    } else if (kind === "remove") {
      this.now.delete(id);
    } else {
      this.now.set(id, changed(known, kind, this.version));
    }
    this.version++;
    const left = kind === "remove" && known !== undefined ? known.registrationId : undefined;
    const gone = left === undefined ? undefined : removal(id, "deregistered", left);
    this.#log.push({ version: this.version, id, removal: gone });
  }

  deltaFrom(version: number, settled: boolean): EndpointsUpdate {
    const upserts = new Map<string, Endpoint>();
    const removals = new Map<string, Removal>();
    for (const change of this.#log) {
      if (change.version <= version) continue;
      const current = this.now.get(change.id);
      if (current !== undefined) upserts.set(change.id, current);
      else if (change.removal !== undefined) removals.set(change.id, change.removal);
    }
    return {
      ...BASE,
      kind: "delta",
      fromVersion: version,
      version: this.version,
      settled,
      upserts: [...upserts.values()],
      removals: [...removals.values()],
      digest: digestOf([...this.now.values()]),
    };
  }

  snapshot(chunkSize: number): EndpointsUpdate[] {
    const all = [...this.now.values()];
    const digest = digestOf(all);
    if (all.length === 0) return [{ ...BASE, kind: "absent", version: this.version }];
    const count = Math.ceil(all.length / chunkSize);
    return Array.from({ length: count }, (_, chunk) => ({
      ...BASE,
      version: this.version,
      chunk,
      isLastChunk: chunk === count - 1,
      upserts: all.slice(chunk * chunkSize, (chunk + 1) * chunkSize),
      digest,
    }));
  }
}

function changed(known: Endpoint, kind: "weigh" | "drain" | "undrain", version: number): Endpoint {
  const process = known.registrationId;
  const revision = known.operatorRevision;
  const { id, state } = known;
  if (kind === "weigh") return endpoint(id, { process, state, revision, weight: version });
  const next = kind === "drain" ? "draining" : "healthy";
  return endpoint(id, { process, state: next, revision: revision + 1 });
}

const change = fc.record({
  step: fc.constant("change" as const),
  id: fc.constantFrom("a", "b", "c", "d"),
  kind: fc.constantFrom(
    "put" as const,
    "weigh" as const,
    "drain" as const,
    "undrain" as const,
    "remove" as const,
  ),
});
const send = fc.record({
  step: fc.constantFrom("delta" as const, "snapshot" as const),
  chunkSize: fc.integer({ min: 1, max: 3 }),
});

test("whatever happens, a settled answer makes the agent's set equal the server's", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: change }, send)), (steps) => {
      const source = new Source();
      const set = new EndpointSet();
      const sync = (step: "delta" | "snapshot", chunkSize: number) => {
        const isDelta = step === "delta" && set.version !== undefined;
        const updates = isDelta
          ? [source.deltaFrom(set.version ?? 0, true)]
          : source.snapshot(chunkSize);
        const results = updates.map((update) => set.apply(update, EPOCH));
        expect(results.at(-1)).toMatchObject({ outcome: "applied", digestMismatch: false });
        expect(set.resumeToken()?.digest).toEqual(digestOf([...source.now.values()]));
        const byId = new Map(set.endpoints().map((held) => [held.id as string, held]));
        expect(byId).toEqual(source.now);
      };
      for (const step of steps) {
        if (step.step === "change") source.change(step.id, step.kind);
        else sync(step.step, step.chunkSize);
      }
      sync("snapshot", 2);
    }),
  );
});

test("without a settled answer nothing leaves except by a removal with its cause", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.subarray(["a", "b", "c", "d"]), fc.boolean())), (rounds) => {
      const set = setWith(A, B, C);
      const expected = new Set(["a", "b", "c"]);
      let version = 1;
      for (const [listed, isSnapshot] of rounds) {
        version++;
        if (isSnapshot) {
          const upserts = listed.map((id) => endpoint(id, { process: `${id}-${version}` }));
          set.apply(snapshot(upserts, { version, settled: false }), EPOCH);
          for (const id of listed) expected.add(id);
        } else {
          const [id] = listed;
          const process = set.endpoints().find((held) => held.id === id)?.registrationId;
          const removals = id === undefined ? [] : [removal(id, "expired", process)];
          set.apply(delta(version - 1, [], { removals, settled: false }), EPOCH);
          if (id !== undefined) expected.delete(id);
        }
        expect(ids(set)).toEqual([...expected].sort());
      }
    }),
  );
});
