/** Seeds that found something once: what they found must stay found. */
export const KEPT_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 8, found: "an agent kept an endpoint that a merged delta removed" },
  { seed: 25, found: "a list of several chunks was asked for again at its first chunk" },
  { seed: 9, found: "a drain was lost with an expired lease" },
  { seed: 19, found: "a drain was SAFE before agents knew another endpoint" },
  { seed: 5, found: "a drain was SAFE while an agent had requests there" },
];
