import fc from "fast-check";
import { expect, test } from "vitest";
import { IdMap } from "./id-map.ts";

interface Entry {
  readonly id: string;
  readonly version: number;
}

test("does what a Map does, whatever comes and goes", () => {
  const change = fc.record({
    kind: fc.constantFrom("set", "set", "delete", "get"),
    // Few enough to come again, enough to make it grow.
    id: fc.nat(200).map((n) => `instance-${n}`),
    version: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 600 }), (changes) => {
      const map = new Map<string, Entry>();
      const ids = new IdMap<Entry>();
      for (const { kind, ...entry } of changes) {
        if (kind === "get") expect(ids.get(entry.id)).toBe(map.get(entry.id));
        else if (kind === "delete") expect(ids.delete(entry.id)).toBe(map.delete(entry.id));
        else {
          expect(ids.set(entry)).toBe(map.get(entry.id));
          map.set(entry.id, entry);
        }
        expect(ids.size).toBe(map.size);
      }
      expect(new Set(ids.values())).toEqual(new Set(map.values()));
    }),
    { numRuns: 200 },
  );
});

test("ids that come and go for ever do not fill it", () => {
  const ids = new IdMap<Entry>();
  for (let version = 0; version < 100_000; version++) {
    ids.set({ id: `instance-${version}`, version });
    if (version >= 10) expect(ids.delete(`instance-${version - 10}`)).toBe(true);
  }
  expect(ids.size).toBe(10);
  expect(ids.get("instance-99999")?.version).toBe(99_999);
  expect(ids.get("instance-5")).toBeUndefined();
});
