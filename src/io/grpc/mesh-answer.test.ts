import { status as Code, Metadata } from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AnswerHold, LONGEST_HOLD_MS } from "./mesh-answer.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** What the connection may say of a call, as short names, and what gRPC hears of it. */
function playing(answers = new AnswerHold(), method = "/a.B/C") {
  const heard: string[] = [];
  const listener = answers.hold(method, {
    onReceiveMetadata: () => heard.push("headers"),
    onReceiveMessage: (message: unknown) => heard.push(String(message)),
    onReceiveStatus: ({ code }) => heard.push(`status ${code}`),
  });
  const play = (...news: (string | Code)[]) => {
    for (const piece of news) {
      if (piece === "headers") listener.onReceiveMetadata(new Metadata());
      else if (typeof piece === "string") listener.onReceiveMessage(piece);
      else listener.onReceiveStatus({ code: piece, details: "", metadata: new Metadata() });
    }
    return [...heard];
  };
  return play;
}

test("an answer is heard when its end is there", () => {
  const play = playing();
  expect(play("headers", "one")).toEqual([]);
  expect(play(Code.OK)).toEqual(["headers", "one", "status 0"]);
});

test("an answer whose end went missing was never heard", () => {
  expect(playing()("headers", "one", Code.UNAVAILABLE)).toEqual(["status 14"]);
  expect(playing()("headers", Code.UNAVAILABLE)).toEqual(["status 14"]);
});

test.each([Code.CANCELLED, Code.DEADLINE_EXCEEDED])(
  "who gave a call up, with status %i, hears nothing more",
  (code) => {
    expect(playing()("headers", "one", code)).toEqual([`status ${code}`]);
  },
);

test("other failures are heard with what came before them", () => {
  expect(playing()("headers", "one", Code.INTERNAL)).toEqual(["headers", "one", "status 13"]);
  expect(playing()(Code.NOT_FOUND)).toEqual(["status 5"]);
});

test("a stream is heard from its second message on", () => {
  const play = playing();
  expect(play("headers", "one", "two")).toEqual(["headers", "one", "two"]);
  expect(play("three")).toEqual(["headers", "one", "two", "three"]);
  expect(play(Code.UNAVAILABLE)).toEqual(["headers", "one", "two", "three", "status 14"]);
});

test.each([[["headers"]], [["headers", "one"]]])("after %j nobody waits for long", (pieces) => {
  const play = playing();
  play(...pieces);
  vi.advanceTimersByTime(LONGEST_HOLD_MS - 1);
  expect(play()).toEqual([]);
  vi.advanceTimersByTime(2);
  expect(play()).toEqual(pieces);
  expect(play("next", Code.OK)).toEqual([...pieces, "next", "status 0"]);
  expect(vi.getTimerCount()).toBe(0);
});

test("of a method that was seen to stream nothing waits any more", () => {
  const answers = new AnswerHold();
  playing(answers)("headers", "one");
  expect(playing(answers)("headers", "one")).toEqual([]);
  playing(answers)("headers", "one", "two");
  expect(playing(answers)("headers", "one")).toEqual(["headers", "one"]);
  expect(playing(answers, "/a.B/D")("headers", "one")).toEqual([]);
});

test("a stream whose second message comes late is known as one too", () => {
  const answers = new AnswerHold();
  const play = playing(answers);
  play("headers", "one");
  vi.advanceTimersByTime(LONGEST_HOLD_MS + 1);
  play("two");
  expect(playing(answers)("headers")).toEqual(["headers"]);
});
