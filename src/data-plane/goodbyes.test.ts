import { expect, test } from "vitest";
import { streamEnd } from "../../test/support/fake-streams.ts";
import { keeping, local, registered, registeredKeeper } from "../../test/support/keeping.ts";
import { GOODBYE_MS, MAX_ATTEMPTS } from "./goodbyes.ts";

test("a stop deregisters what is registered, and waits for the answer", async () => {
  const { source, keeper } = registeredKeeper();
  await keeper.stop();
  expect(source.last.deregistered.map(({ registrationId }) => registrationId)).toEqual(["p1"]);
  expect(source.last.isClosed).toBe(true);
});

test("a stop does not hang on a server that answers nothing", async () => {
  const { clock, source, keeper } = registeredKeeper();
  source.last.answersGoodbye = false;
  const stopped = keeper.stop();
  clock.advance(GOODBYE_MS);
  await stopped;
  expect(source.last.deregistered).toHaveLength(1);
});

test("a stop says goodbye to the next server when a session breaks", async () => {
  const { clock, source, keeper } = registeredKeeper();
  source.last.answersGoodbye = false;
  const stopped = keeper.stop();
  source.last.listener.end(streamEnd(14));
  clock.advance(1_000);
  source.last.welcome();
  await stopped;
  expect(source.sessions).toHaveLength(2);
  expect(source.last.deregistered).toMatchObject([{ registrationId: "p1" }]);
  expect(registered(source)).toEqual([]);
});

test("without a server a stop does not hang, and nothing is opened after it", async () => {
  const { clock, source, keeper } = registeredKeeper();
  source.last.listener.end(streamEnd(14));
  const stopped = keeper.stop();
  clock.advance(GOODBYE_MS);
  await stopped;
  const opened = source.sessions.length;
  clock.advance(60_000);
  expect(source.sessions).toHaveLength(opened);
});

test("removing one instance deregisters that one, and keeps the others", async () => {
  const { clock, source, keeper } = registeredKeeper([local("a"), local("b")]);
  await keeper.remove("default/orders/a");
  expect(source.last.deregistered.map(({ instanceId }) => instanceId)).toEqual(["a"]);
  source.last.listener.end(streamEnd(14));
  clock.advance(1_000);
  source.last.welcome();
  expect(registered(source).map(({ id }) => id)).toEqual(["b"]);
});

test("what is removed between two sessions is deregistered in the next one, before its successor comes", async () => {
  const { clock, source, keeper } = registeredKeeper([local("a"), local("b")]);
  source.last.listener.end(streamEnd(14));
  const removed = keeper.remove("default/orders/a");
  keeper.add(local("a"));
  clock.advance(1_000);
  source.last.welcome();
  await removed;
  expect(source.last.calls).toEqual(["deregister p1", "register p2 p3"]);
});

test("a goodbye that was not answered is said again in each session until it is", async () => {
  const { clock, source, keeper } = registeredKeeper([local("a"), local("b")]);
  source.last.answersGoodbye = false;
  void keeper.remove("default/orders/a");
  const said: number[] = [];
  for (const answersGoodbye of [false, true, true]) {
    source.last.listener.end(streamEnd(14));
    clock.advance(5_000);
    source.last.answersGoodbye = answersGoodbye;
    source.last.welcome();
    said.push(source.last.deregistered.length);
  }
  expect(said).toEqual([1, 1, 0]);
});

test("nobody is told of the end of what was never registered", async () => {
  const { source, keeper } = keeping([local("a", true), local("b")]);
  source.last.welcome();
  await keeper.remove("default/orders/a");
  expect(source.last.deregistered).toEqual([]);
});

test("what a server refused from the start needs no goodbye", async () => {
  const { source, keeper } = keeping([local("a"), local("b")]);
  source.last.welcome();
  const wrong = { kind: "refused", code: 3, reason: "INVALID_ARGUMENT", message: "no" } as const;
  source.last.listener.registered(1, [wrong, wrong]);
  await keeper.remove("default/orders/a");
  expect(source.last.deregistered).toEqual([]);
});

test("a goodbye at which each session breaks is not said for ever", () => {
  const { clock, source, keeper } = registeredKeeper([local("a"), local("b")]);
  source.last.answersGoodbye = false;
  void keeper.remove("default/orders/a");
  for (let session = 0; session < MAX_ATTEMPTS + 2; session++) {
    source.last.listener.end(streamEnd(3));
    clock.advance(60_000);
    source.last.answersGoodbye = false;
    source.last.welcome();
  }
  const said = source.sessions.flatMap(({ deregistered }) => deregistered);
  expect(said).toHaveLength(MAX_ATTEMPTS);
});
