/** How often each of a few kinds of things happened. Those that are named from the start are told of at 0, too. */
export class Tally<Kind extends string> {
  readonly #counts: Map<Kind, number>;

  constructor(kinds: readonly Kind[]) {
    this.#counts = new Map(kinds.map((kind) => [kind, 0]));
  }

  get counts(): ReadonlyMap<Kind, number> {
    return this.#counts;
  }

  add(kind: Kind, count = 1): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + count);
  }
}
