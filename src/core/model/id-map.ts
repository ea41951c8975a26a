import { hash32 } from "./hash.ts";

interface Identified {
  readonly id: string;
}

/** A power of two. */
const SMALLEST = 8;

/**
 * Values by their own id, for sets of thousands that are asked most often for what they do not
 * hold. A Map compares strings that lie anywhere in memory; here the hashes lie side by side, and
 * half the memory of a Map does. Ids that collide on purpose cost a look at a neighbouring number each.
 */
export class IdMap<Value extends Identified> {
  /** 0 is a free slot. A hash without a value is somebody who was deleted. */
  #hashes = new Int32Array(SMALLEST);
  #values: (Value | undefined)[] = new Array<Value | undefined>(SMALLEST).fill(undefined);
  #used = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): Value | undefined {
    return this.#values[this.#find(id, hashOf(id))];
  }

  /** Adds the value, or replaces the one with its id. @returns the one that it replaced. */
  set(value: Value): Value | undefined {
    const { id } = value;
    const hash = hashOf(id);
    const slot = this.#find(id, hash);
    const former = this.#values[slot];
    this.#values[slot] = value;
    if (former !== undefined) return former;
    this.#hashes[slot] = hash;
    this.#size++;
    // A quarter stays free, so that a search ends soon.
    if (++this.#used * 4 > this.#hashes.length * 3) this.#rebuild();
    return undefined;
  }

  delete(id: string): boolean {
    const slot = this.#find(id, hashOf(id));
    if (this.#values[slot] === undefined) return false;
    this.#values[slot] = undefined;
    this.#size--;
    return true;
  }

  /** A copy, in no order. */
  values(): Value[] {
    return this.#values.filter((value) => value !== undefined);
  }

  /** The slot of the id, or the free one where it would stand. */
  #find(id: string, hash: number): number {
    const mask = this.#hashes.length - 1;
    let slot = hash & mask;
    for (; this.#hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (this.#hashes[slot] === hash && this.#values[slot]?.id === id) break;
    }
    return slot;
  }

  /** With room for as many again; who was deleted is forgotten. Looks at no value and no id. */
  #rebuild(): void {
    const [hashes, values] = [this.#hashes, this.#values];
    let length = SMALLEST;
    while (length < this.#size * 2) length *= 2;
    this.#hashes = new Int32Array(length);
    this.#values = new Array<Value | undefined>(length).fill(undefined);
    this.#used = this.#size;
    for (let i = 0; i < hashes.length; i++) {
      const value = values[i];
      if (value !== undefined) this.#insert(hashes[i] ?? 0, value);
    }
  }

  #insert(hash: number, value: Value): void {
    const mask = this.#hashes.length - 1;
    let slot = hash & mask;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & mask;
    this.#hashes[slot] = hash;
    this.#values[slot] = value;
  }
}

/** Never 0, which marks a free slot. */
function hashOf(id: string): number {
  return hash32(id) | 0 || 1;
}
