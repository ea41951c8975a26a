import fc from "fast-check";
import { expect, test } from "vitest";
import {
  ClusterSubjects,
  isSubject,
  isSubjectPattern,
  matchesSubject,
  originToken,
} from "./subjects.ts";

test("subjects have the reserved shard, and tokens that no text can break", () => {
  const subjects = new ClusterSubjects("prod-eu");
  expect(subjects.of("delta", "a@1")).toMatch(/^weir\.prod-eu\.v1\.0\.delta\.[0-9a-v]{13}$/);
  expect(subjects.all("hb")).toBe("weir.prod-eu.v1.0.hb.*");
  expect(matchesSubject(subjects.everything, subjects.of("pull", "x"))).toBe(true);
  expect(matchesSubject(subjects.everything, `${subjects.inboxPrefix}.abc.def`)).toBe(true);
  expect(matchesSubject(subjects.all("delta"), subjects.of("hb", "x"))).toBe(false);
});

test("any origin becomes one token", () => {
  const texts = fc.oneof(fc.string(), fc.constantFrom("", "a.b", "*", ">", "a b", "a\r\nPUB x 0"));
  fc.assert(fc.property(texts, (origin) => isSubject(originToken(origin))));
  expect(originToken("a@1")).not.toBe(originToken("a@2"));
  expect(originToken("a@1")).toBe(originToken("a@1"));
});

test.each(["", "a.b", "Prod", "*", ">", "a b", "-a", "a".repeat(64)])(
  "%j names no cluster",
  (cluster) => {
    expect(() => new ClusterSubjects(cluster)).toThrow(/cannot name a cluster: use/);
  },
);

test.each(["", ".", "a.", ".a", "a..b", "a b", "a*", "*", "a.>", "a\r\n", "ä", "a".repeat(513)])(
  "nothing is published to %j",
  (subject) => {
    expect(isSubject(subject)).toBe(false);
  },
);

test.each(["", "a.", ">", "a.>.b", "a*", "a b.*", "a\n.*"])("nothing listens to %j", (pattern) => {
  expect(isSubjectPattern(pattern)).toBe(false);
});

test.each([
  ["a.b", "a.b", true],
  ["a.*", "a.b", true],
  ["a.*", "a.b.c", false],
  ["a.*", "a", false],
  ["*.b", "a.b", true],
  ["a.>", "a", false],
  ["a.>", "a.b", true],
  ["a.>", "a.b.c", true],
  ["a.b.c", "a.b", false],
])("%s and %s: %s", (pattern, subject, isMatch) => {
  expect(isSubjectPattern(pattern)).toBe(true);
  expect(matchesSubject(pattern, subject)).toBe(isMatch);
});
