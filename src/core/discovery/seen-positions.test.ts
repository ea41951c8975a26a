import { expect, test } from "vitest";
import { MAX_POSITIONS, type OriginPosition, SeenPositions } from "./seen-positions.ts";

const at = (replicaId: string, epoch: number, sequence: number): OriginPosition => ({
  replicaId,
  epoch,
  sequence,
});

function after(...answers: (readonly OriginPosition[])[]): OriginPosition[] {
  const seen = new SeenPositions();
  for (const positions of answers) seen.saw(positions);
  return seen.list();
}

test("the furthest position of each origin is kept", () => {
  expect(after([at("r1", 5, 10)], [at("r1", 5, 12)])).toEqual([at("r1", 5, 12)]);
  expect(after([at("r1", 5, 10)], [at("r1", 5, 9)])).toEqual([at("r1", 5, 10)]);
  expect(after([at("r1", 5, 10)], [at("r1", 6, 1)])).toEqual([at("r1", 6, 1)]);
  expect(after([at("r1", 6, 1)], [at("r1", 5, 10)])).toEqual([at("r1", 6, 1)]);
});

test("an answer that does not name an origin does not take it away", () => {
  expect(after([at("r1", 1, 1), at("r2", 1, 1)], [at("r1", 1, 2)], [])).toEqual([
    at("r1", 1, 2),
    at("r2", 1, 1),
  ]);
});

test("no server can make an agent carry more than its share, and the newest stay", () => {
  const many = Array.from({ length: 100 }, (_, i) => at(`r${i}`, 1, 1));
  expect(after(many)).toHaveLength(MAX_POSITIONS);
  const seen = after(many.slice(0, MAX_POSITIONS), many.slice(MAX_POSITIONS));
  expect(seen).toHaveLength(MAX_POSITIONS);
  expect(seen.at(-1)).toEqual(at("r99", 1, 1));
});
