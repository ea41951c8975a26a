import type { Random } from "../../core/model/random.ts";

/** A copy in a random order. Source: Fisher and Yates. */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  const order: T[] = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  return order;
}
