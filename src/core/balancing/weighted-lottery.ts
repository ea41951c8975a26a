import type { Random } from "../model/random.ts";

/** Six in ten thousand draws over weights 2:1 repeat eight times; beyond that a neighbour will do. */
const MAX_REDRAWS = 8;

/**
 * Draws an index with a chance proportional to its weight, in O(1): each column holds its own
 * share and the share of one other (alias). Equal weights need no table.
 * Source: Vose, "A linear algorithm for generating random numbers with a given distribution", 1991.
 */
export class WeightedLottery {
  #size = 0;
  /** Chance that a column keeps the draw. Empty when all weights are equal. */
  #keep = new Float64Array(0);
  #alias = new Uint32Array(0);

  update(weights: Float64Array): void {
    this.#size = weights.length;
    const first = weights[0] ?? 0;
    if (weights.every((weight) => weight === first)) {
      this.#keep = new Float64Array(0);
      this.#alias = new Uint32Array(0);
      return;
    }
    this.#build(weights);
  }

  /** An index below the number of weights; there must be at least one. */
  draw(random: Random): number {
    const ticket = random() * this.#size;
    const column = Math.floor(ticket);
    if (this.#keep.length === 0) return column;
    // The fraction of the same draw is uniform again: one call of `random` per draw.
    return ticket - column < (this.#keep[column] ?? 1) ? column : (this.#alias[column] ?? column);
  }

  /** An index other than `first`, drawn without replacement; there must be at least two. */
  drawOther(random: Random, first: number): number {
    if (this.#keep.length > 0) {
      for (let tries = 0; tries < MAX_REDRAWS; tries++) {
        const index = this.draw(random);
        if (index !== first) return index;
      }
    }
    // From one fewer slot, then step over `first`: distinct and unbiased without a loop.
    const slot = Math.floor(random() * (this.#size - 1));
    return slot < first ? slot : slot + 1;
  }

  #build(weights: Float64Array): void {
    const size = weights.length;
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const share = weights.map((weight) => (weight * size) / total);
    this.#keep = new Float64Array(size).fill(1);
    this.#alias = Uint32Array.from(weights, (_, index) => index);
    const small: number[] = [];
    const large: number[] = [];
    for (let index = 0; index < size; index++) {
      if ((share[index] ?? 0) < 1) small.push(index);
      else large.push(index);
    }
    for (let poor = small.pop(); poor !== undefined; poor = small.pop()) {
      const rich = large.pop();
      // Rounding can leave a column without a partner: it keeps its draws.
      if (rich === undefined) break;
      this.#keep[poor] = share[poor] ?? 1;
      this.#alias[poor] = rich;
      const left = (share[rich] ?? 0) - (1 - (share[poor] ?? 0));
      share[rich] = left;
      if (left < 1) small.push(rich);
      else large.push(rich);
    }
  }
}
