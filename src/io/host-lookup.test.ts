import type { LookupAddress } from "node:dns";
import { beforeEach, expect, test } from "vitest";
import { HostLookup } from "./host-lookup.ts";

interface Question {
  readonly host: string;
  answer(address: string): void;
  fail(code: string): void;
}

let nowMs = 0;
let asked: Question[] = [];
let lookup: HostLookup;

beforeEach(() => {
  nowMs = 0;
  asked = [];
  lookup = new HostLookup({
    nowMs: () => nowMs,
    resolve: (host) =>
      new Promise<readonly LookupAddress[]>((resolve, reject) => {
        asked.push({
          host,
          answer: (address) => resolve([{ address, family: 4 }]),
          fail: (code) => reject(Object.assign(new Error(code), { code })),
        });
      }),
  });
});

/** Long enough for every promise that is already settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The last question about `host`. */
function about(host: string): Question {
  const question = asked.findLast((one) => one.host === host);
  if (question === undefined) throw new Error(`nobody asked about ${host}`);
  return question;
}

async function known(host: string, address = "10.0.0.1"): Promise<void> {
  const answer = lookup.addresses(host);
  await settled();
  about(host).answer(address);
  await answer;
}

const hosts = (): string[] => asked.map(({ host }) => host);

test("all who want a name share one question", async () => {
  const both = Promise.all([lookup.addresses("a"), lookup.addresses("a")]);
  await settled();
  about("a").answer("10.0.0.7");
  expect(await both).toEqual(Array(2).fill([{ address: "10.0.0.7", family: 4 }]));
  expect(hosts()).toEqual(["a"]);
});

test("a name known for a while is answered at once, and asked again meanwhile", async () => {
  await known("a");
  nowMs = 5_000;
  expect(await lookup.addresses("a")).toEqual([{ address: "10.0.0.1", family: 4 }]);
  await settled();
  about("a").answer("10.0.0.2");
  await settled();
  expect(await lookup.addresses("a")).toEqual([{ address: "10.0.0.2", family: 4 }]);
  expect(hosts()).toEqual(["a", "a"]);
});

test("names that nobody answers delay no known name, and new names only by their turn", async () => {
  await known("a");
  nowMs = 5_000;
  const gone = ["x", "y", "z"].map((host) => lookup.addresses(host).catch(() => "gone"));
  expect(await lookup.addresses("a")).toEqual([{ address: "10.0.0.1", family: 4 }]);
  await settled();
  expect(hosts()).toEqual(["a", "x", "y"]);
  about("x").fail("EAI_AGAIN");
  await settled();
  expect(hosts()).toEqual(["a", "x", "y", "z"]);
  about("y").fail("EAI_AGAIN");
  about("z").fail("EAI_AGAIN");
  expect(await Promise.all(gone)).toEqual(["gone", "gone", "gone"]);
});

test("a name that failed last waits behind one that did not", async () => {
  const failing = lookup.addresses("x").catch(() => "gone");
  await settled();
  about("x").fail("EAI_AGAIN");
  await failing;
  const held = ["p", "q", "x", "a"].map((host) => lookup.addresses(host).catch(() => "gone"));
  await settled();
  about("p").answer("10.0.0.3");
  await settled();
  expect(hosts()).toEqual(["x", "p", "q", "a"]);
  about("q").answer("10.0.0.4");
  about("a").answer("10.0.0.5");
  await settled();
  about("x").fail("EAI_AGAIN");
  await Promise.all(held);
});

test.each([
  { code: "ENOTFOUND", afterMs: 5_000, remains: false, because: "the name is gone" },
  { code: "EAI_AGAIN", afterMs: 5_000, remains: true, because: "nobody could be asked" },
  { code: "EAI_AGAIN", afterMs: 60_001, remains: false, because: "that was too long ago" },
])("after $code and $afterMs ms a known address remains: $remains, as $because", async (row) => {
  await known("a");
  nowMs = row.afterMs;
  await lookup.addresses("a");
  await settled();
  about("a").fail(row.code);
  await settled();
  const answer = lookup.addresses("a").then(
    (addresses) => addresses.length,
    (error: NodeJS.ErrnoException) => error.code,
  );
  await settled();
  if (!row.remains) about("a").fail(row.code);
  expect(await answer).toBe(row.remains ? 1 : row.code);
});

test("answers in both forms that net.connect asks for", async () => {
  await known("a");
  const answers: unknown[] = [];
  lookup.lookup("a", { all: true }, (...answer) => void answers.push(answer));
  lookup.lookup("a", {}, (...answer) => void answers.push(answer));
  await settled();
  expect(answers).toEqual([
    [null, [{ address: "10.0.0.1", family: 4 }]],
    [null, "10.0.0.1", 4],
  ]);
});
