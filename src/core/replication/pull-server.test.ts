import { expect, test } from "vitest";
import { aRecord, aRemoval } from "../../../test/support/replication.ts";
import type { PullRequest, PullWant } from "./messages.ts";
import { OriginLog } from "./origin-log.ts";
import { bucketOf } from "./origin-set.ts";
import { MAX_PULL_SESSIONS, PullServer } from "./pull-server.ts";
import { verifyIntervalMs } from "./verify-interval.ts";

const ORIGIN = { replicaId: "a", epoch: 1 };

function aRequest(want: PullWant, of: Partial<PullRequest> = {}): PullRequest {
  const base = { type: "pull-request", origin: ORIGIN, requester: "b", session: 1 } as const;
  return { ...base, want, chunk: 0, ...of };
}

function aLog(count: number): OriginLog {
  const log = new OriginLog(ORIGIN);
  for (let i = 0; i < count; i++) log.append(aRecord(`i${i}`));
  log.flush();
  return log;
}

test("all chunks of a session are of one moment", () => {
  const server = new PullServer();
  server.maxChunkBytes = 1_000;
  const log = aLog(20);
  const first = server.answer(aRequest({ kind: "full" }), log, 0);
  expect(first).toMatchObject({ status: "ok", seq: 20, chunk: 0 });
  expect(first.chunkCount).toBeGreaterThan(3);
  for (let i = 0; i < 20; i++) log.append(aRemoval(`i${i}`));
  log.flush();
  const rest = Array.from({ length: first.chunkCount - 1 }, (_, i) =>
    server.answer(aRequest({ kind: "full" }, { chunk: i + 1 }), log, 0),
  );
  const entries = [first, ...rest].flatMap((chunk) => chunk.entries);
  expect(entries.filter(({ kind }) => kind === "record")).toHaveLength(20);
  expect(new Set([first, ...rest].map(({ seq }) => seq))).toEqual(new Set([20]));
});

test("a request for what is not there says so", () => {
  const server = new PullServer();
  const log = aLog(1);
  const status = (request: PullRequest, source: OriginLog | undefined = log) =>
    server.answer(request, source, 0).status;
  expect(status(aRequest({ kind: "from-seq", seq: 9 }))).toBe("too-old");
  expect(status(aRequest({ kind: "full" }, { chunk: 3 }))).toBe("unknown-session");
  expect(status(aRequest({ kind: "full" }, { origin: { ...ORIGIN, epoch: 2 } }))).toBe(
    "other-epoch",
  );
  expect(server.answer(aRequest({ kind: "full" }), undefined, 0).status).toBe("other-epoch");
  const copy = { origin: ORIGIN, seq: 1, set: log.set };
  expect(server.answer(aRequest({ kind: "from-seq", seq: 0 }), copy, 0).status).toBe("too-old");
});

test("forgets sessions that are idle, and the oldest when there are too many", () => {
  const server = new PullServer(1_000);
  const log = aLog(20);
  for (let session = 0; session < MAX_PULL_SESSIONS + 5; session++) {
    server.answer(aRequest({ kind: "full" }, { session }), log, 0);
  }
  expect(server.sessionCount).toBe(MAX_PULL_SESSIONS);
  const gone = server.answer(aRequest({ kind: "full" }, { session: 0, chunk: 1 }), log, 0);
  expect(gone.status).toBe("unknown-session");
  server.answer(aRequest({ kind: "full" }, { session: 99 }), log, 60_000);
  expect(server.sessionCount).toBe(1);
  const beyond = server.answer(
    aRequest({ kind: "full" }, { session: 99, chunk: 999 }),
    log,
    60_000,
  );
  expect(beyond.status).toBe("unknown-session");
});

test("buckets come with their fences only", () => {
  const log = aLog(50);
  const removals = Array.from({ length: 50 }, (_, i) => aRemoval(`i${i}`, "older"));
  const source = { origin: ORIGIN, seq: 50, set: log.set, fences: () => removals };
  const bucket = bucketOf("default/orders/i7");
  const answer = new PullServer().answer(
    aRequest({ kind: "buckets", buckets: [bucket] }),
    source,
    0,
  );
  const ids = answer.entries.map((entry) => (entry.kind === "unknown" ? "" : entry.key));
  expect(ids.length).toBe(answer.digest.count * 2);
  for (const key of ids) expect(bucketOf(key)).toBe(bucket);
  expect(answer.digest.sum).toBe(log.set.bucket(bucket));
});

test("larger clusters verify more rarely", () => {
  expect(verifyIntervalMs(3, 0.5)).toBe(60_000);
  expect(verifyIntervalMs(8, 0)).toBe(30_000);
  expect(verifyIntervalMs(32, 0.5)).toBe(180_000);
});
