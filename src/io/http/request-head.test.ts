import { expect, test } from "vitest";
import { RequestHead } from "./request-head.ts";

const PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/** The endpoint's headers for a request with `raw` ones, in lower case. */
function sealed(raw: readonly string[]): Map<string, string> {
  const head = new RequestHead(raw);
  head.seal("orders.weir", "10.0.0.9", () => 0.5, "http");
  const headers = new Map<string, string>();
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = (head.headers[i] ?? "").toLowerCase();
    expect(headers.has(name), `${name} twice`).toBe(false);
    headers.set(name, head.headers[i + 1] ?? "");
  }
  return headers;
}

test.each([
  { raw: ["Content-Length", "12"], is: { contentLength: 12, isChunked: false } },
  { raw: ["Transfer-Encoding", "chunked"], is: { contentLength: -1, isChunked: true } },
  { raw: ["Expect", "100-Continue"], is: { expectsContinue: true } },
  { raw: ["Upgrade", "websocket"], is: { upgrade: "websocket" } },
  { raw: ["HOST", "a.weir"], is: { host: "a.weir", fault: "" } },
  { raw: ["Host", "a", "host", "a"], is: { fault: "more than one Host header" } },
  {
    raw: ["X-Forwarded-For", "1.1.1.1", "x-forwarded-for", "2.2.2.2"],
    is: { forwardedFor: "1.1.1.1, 2.2.2.2" },
  },
])("$raw is understood", ({ raw, is }) => {
  expect(new RequestHead(raw)).toMatchObject(is);
});

test.each([
  "Connection",
  "Keep-Alive",
  "TE",
  "Trailer",
  "Transfer-Encoding",
  "Upgrade",
  "Proxy-Authorization",
  "Proxy-Connection",
  "Expect",
  "Content-Length",
])("%s does not reach the endpoint", (name) => {
  expect(sealed([name, "1"]).has(name.toLowerCase())).toBe(false);
});

test.each([
  { connection: "close, X-Secret", kept: false },
  { connection: " x-secret ", kept: false },
  { connection: "keep-alive", kept: true },
  { connection: "x-secre", kept: true },
])("Connection: $connection decides about X-Secret", ({ connection, kept }) => {
  expect(sealed(["X-Secret", "1", "Connection", connection]).has("x-secret")).toBe(kept);
});

test("Connection cannot remove what the proxy itself adds", () => {
  const headers = sealed([
    "Connection",
    "x-forwarded-for, host, traceparent",
    "X-Forwarded-For",
    "1.1.1.1",
  ]);
  expect(headers.get("x-forwarded-for")).toBe("1.1.1.1, 10.0.0.9");
  expect(headers.get("host")).toBe("orders.weir");
  expect(headers.has("traceparent")).toBe(true);
});

test.each([
  { raw: ["traceparent", PARENT], keeps: true },
  { raw: ["traceparent", PARENT, "traceparent", PARENT], keeps: false },
  { raw: ["traceparent", "garbage"], keeps: false },
  { raw: [], keeps: false },
])("a trace is continued only from one valid parent: $raw", ({ raw, keeps }) => {
  const headers = sealed([...raw, "tracestate", "a=b"]);
  expect(headers.get("traceparent") === PARENT).toBe(keeps);
  expect(headers.get("traceparent")).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(headers.get("tracestate")).toBe(keeps ? "a=b" : undefined);
});
