import { expect, test } from "vitest";
import { closest } from "./closest.ts";

const KNOWN = ["listen", "admin", "stateDir", "policy", "id"];

test.each([
  { typed: "listn", meant: "listen", because: "a letter is missing" },
  { typed: "lisetn", meant: "listen", because: "two letters are swapped" },
  { typed: "statedir", meant: "stateDir", because: "case is no difference" },
  { typed: "polices", meant: "policy", because: "two letters differ" },
  { typed: "timeout", meant: undefined, because: "nothing is near" },
  { typed: "xy", meant: undefined, because: "every letter of id would be another one" },
])("$typed: $meant, because $because", ({ typed, meant }) => {
  expect(closest(typed, KNOWN)).toBe(meant);
});
