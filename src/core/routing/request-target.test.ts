import { expect, test } from "vitest";
import { requestTarget } from "./request-target.ts";

test.each([
  { target: "/x?y=1", host: "orders.weir", as: { host: "orders.weir", path: "/x?y=1" } },
  { target: "/x", host: "", as: { host: "", path: "/x" } },
  { target: "//evil.com/x", host: "a.weir", as: { host: "a.weir", path: "//evil.com/x" } },
  { target: "http://orders.weir/x", host: "a.weir", as: { host: "orders.weir", path: "/x" } },
  { target: "HTTP://orders.weir:80", host: "", as: { host: "orders.weir:80", path: "/" } },
  { target: "http://orders.weir?q=/", host: "", as: { host: "orders.weir", path: "/?q=/" } },
  { target: "/x", host: "[::1]:15001", as: { host: "[::1]:15001", path: "/x" } },
])("$target with Host $host is understood", ({ target, host, as }) => {
  expect(requestTarget(target, host)).toEqual(as);
});

test.each([
  { target: "*", host: "a.weir", because: "path or an http" },
  { target: "orders.weir:80", host: "a.weir", because: "path or an http" },
  { target: "https://orders.weir/", host: "a.weir", because: "only http://" },
  { target: "http://", host: "a.weir", because: "URL's host" },
  { target: "http:///x", host: "a.weir", because: "URL's host" },
  { target: "http://user:pw@orders.weir/", host: "a.weir", because: "URL's host" },
  { target: "http://orders.weir/", host: "a.weir, b.weir", because: "Host header" },
  { target: "/", host: "a.weir/x", because: "Host header" },
  { target: "/", host: "user@a.weir", because: "Host header" },
  { target: "/", host: "a.weir:port", because: "Host header" },
  { target: "/", host: `${"a".repeat(300)}.weir`, because: "Host header" },
])("$target with Host $host is refused: $because", ({ target, host, because }) => {
  expect(requestTarget(target, host)).toContain(because);
});
