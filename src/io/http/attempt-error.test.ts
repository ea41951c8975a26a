import { expect, test } from "vitest";
import { attemptFailure } from "./attempt-error.ts";

function failure(code: string, name = "Error"): Error {
  return Object.assign(new Error("it broke"), { code, name });
}

test.each([
  { error: failure("ECONNREFUSED"), sent: false, relayed: false, end: "connect-failed" },
  { error: failure("UND_ERR_CONNECT_TIMEOUT"), sent: false, relayed: false, end: "connect-failed" },
  { error: failure("UND_ERR_INVALID_ARG"), sent: false, relayed: false, end: "protocol-error" },
  { error: failure("ECONNRESET"), sent: true, relayed: false, end: "reset" },
  { error: failure("UND_ERR_SOCKET"), sent: true, relayed: false, end: "reset" },
  {
    error: failure("UND_ERR_RES_CONTENT_LENGTH_MISMATCH"),
    sent: true,
    relayed: false,
    end: "reset",
  },
  { error: failure("UND_ERR_BODY_TIMEOUT"), sent: true, relayed: false, end: "timed-out" },
  { error: failure("HPE_INVALID_CONSTANT"), sent: true, relayed: false, end: "protocol-error" },
  { error: failure("", "HTTPParserError"), sent: true, relayed: false, end: "protocol-error" },
  { error: failure("ERR_INVALID_CHAR"), sent: true, relayed: false, end: "protocol-error" },
  { error: failure("UND_ERR_BODY_TIMEOUT"), sent: true, relayed: true, end: "truncated" },
  { error: failure("ECONNRESET"), sent: true, relayed: true, end: "truncated" },
  { error: "no error at all", sent: true, relayed: false, end: "reset" },
])("$error.code, sent $sent, relayed $relayed: $end", ({ error, sent, relayed, end }) => {
  expect(attemptFailure(error, sent, relayed).end).toBe(end);
});

test("the detail has the code, and of several addresses the first one's reason", () => {
  const several = Object.assign(new AggregateError([failure("ECONNREFUSED")]), {
    code: "ECONNREFUSED",
  });
  expect(attemptFailure(several, false, false).detail).toBe("it broke (ECONNREFUSED)");
});
