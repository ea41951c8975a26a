import fc from "fast-check";
import { expect, test } from "vitest";
import { endpointNamed } from "../../../test/support/loads.ts";
import type { Endpoint, EndpointState } from "../model/endpoint.ts";
import { selectCandidates } from "./candidates.ts";
import { EndpointLoad } from "./endpoint-load.ts";

type Shape = [state: EndpointState, priority: number, weight: number];

function candidatesOf(shapes: readonly Shape[]): string {
  const loads = shapes.map(
    ([state, priority, weight], i) =>
      new EndpointLoad(endpointNamed("abcdefgh"[i] ?? "x", { state, priority, weight })),
  );
  return selectCandidates(loads)
    .map(({ endpoint }) => endpoint.id)
    .join("");
}

test.each<{ shapes: Shape[]; picked: string; because: string }>([
  { shapes: [], picked: "", because: "nobody is nobody" },
  {
    shapes: [
      ["healthy", 0, 100],
      ["suspect", 0, 100],
      ["unhealthy", 0, 100],
      ["draining", 0, 100],
    ],
    picked: "ab",
    because: "suspect is silent, not dead",
  },
  {
    shapes: [
      ["unhealthy", 0, 100],
      ["draining", 0, 100],
    ],
    picked: "b",
    because: "draining serves when nothing else can",
  },
  { shapes: [["unhealthy", 0, 100]], picked: "", because: "unhealthy never serves" },
  {
    shapes: [
      ["healthy", 1, 100],
      ["healthy", 0, 100],
      ["healthy", 2, 100],
      ["suspect", 0, 1],
    ],
    picked: "bd",
    because: "the masters serve while one of them can",
  },
  {
    shapes: [
      ["unhealthy", 0, 100],
      ["healthy", 2, 100],
      ["healthy", 1, 100],
    ],
    picked: "c",
    because: "the next backup takes over",
  },
  {
    shapes: [
      ["draining", 0, 100],
      ["healthy", 1, 100],
    ],
    picked: "b",
    because: "a backup is better than a master that leaves",
  },
  {
    shapes: [
      ["healthy", 0, 0],
      ["healthy", 1, 100],
    ],
    picked: "b",
    because: "a master of weight 0 takes nothing while a backup can",
  },
  {
    shapes: [
      ["draining", 0, 100],
      ["healthy", 3, 0],
    ],
    picked: "b",
    because: "weight 0 is last, but it stays",
  },
])("$picked: $because", ({ shapes, picked }) => {
  expect(candidatesOf(shapes)).toBe(picked);
});

test("is empty exactly when everybody is unhealthy, and of one priority", () => {
  const endpoint = fc
    .record({
      state: fc.constantFrom<EndpointState>("healthy", "unhealthy", "suspect", "draining"),
      priority: fc.nat(2),
      weight: fc.constantFrom(0, 100),
    })
    .map((shape): Endpoint => endpointNamed("e", shape));
  fc.assert(
    fc.property(fc.array(endpoint), (endpoints) => {
      const candidates = selectCandidates(endpoints.map((content) => new EndpointLoad(content)));
      expect(candidates.length === 0).toBe(endpoints.every(({ state }) => state === "unhealthy"));
      expect(new Set(candidates.map((load) => load.endpoint.priority)).size).toBeLessThan(2);
    }),
  );
});
