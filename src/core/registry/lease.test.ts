import { expect, test } from "vitest";
import { LeaseGroup } from "./lease.ts";

interface Holder {
  group: LeaseGroup<Holder>;
  isGone: boolean;
}

function aGroup(): LeaseGroup<Holder> {
  return new LeaseGroup<Holder>(15_000, "", 0);
}

function join(group: LeaseGroup<Holder>): Holder {
  const holder = { group, isGone: false };
  group.add(holder);
  return holder;
}

function move(holder: Holder, to: LeaseGroup<Holder>): void {
  holder.group.left();
  holder.group = to;
  to.add(holder);
}

test("a group lists who is in it, each once, also who left and came back", () => {
  const [one, other] = [aGroup(), aGroup()];
  const [a, b, c] = [join(one), join(one), join(one)];
  move(a, other);
  expect(one.members()).toEqual([b, c]);
  move(a, one);
  expect(one.members()).toEqual([a, b, c]);
  expect([one.size, other.size]).toEqual([3, 0]);
  b.isGone = true;
  one.left();
  expect(one.members()).toEqual([a, c]);
  expect(other.members()).toEqual([]);
});

test("who comes and goes ten thousand times is in it once", () => {
  const [one, other] = [aGroup(), aGroup()];
  const stays = join(one);
  const restless = join(one);
  for (let i = 0; i < 10_000; i++) {
    move(restless, other);
    move(restless, one);
  }
  expect(one.members()).toEqual([stays, restless]);
  expect(one.size).toBe(2);
});
