/** Seeds that found something once: what they found must stay found. */
export const KEPT_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 5, found: "a wall clock that was set right dated registrations an hour ahead" },
  { seed: 22, found: "a known process was refused for its time, and its instance ended" },
  { seed: 52, found: "an earlier expiry that was told late undid a deregistration" },
  { seed: 66, found: "an operator's decision never reached the owner" },
  { seed: 107, found: "a restarted replica was to adopt what it had lost" },
  { seed: 211, found: "two new lives in a row forgot what the first one held" },
  { seed: 324, found: "a drain was SAFE while an agent held on to what it had" },
  { seed: 2629, found: "a new life under a lower epoch was never listened to" },
  { seed: 11063, found: "who stood still took its sleep for a grace that had passed" },
  { seed: 70072, found: "what moved to a replica that had just fallen silent was ended" },
  { seed: 1215, found: "a drain that had been taken back was remembered" },
  { seed: 3883, found: "a list in chunks counted as acknowledged with its first chunk" },
  { seed: 9978, found: "what was reported in an earlier drain counted for an evicted process" },
  { seed: 12107, found: "what a new life remembered an earlier attachment of was kept by nobody" },
  { seed: 13514, found: "a life too short to be copied left an epoch that its next one was below" },
  { seed: 8354, found: "a decision that only an outranked record told never reached the owner" },
  {
    seed: 1725,
    found: "who stood still took what others had answered before for what they say now",
  },
];
