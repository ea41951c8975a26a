import { expect, test } from "vitest";
import { matchRoute, routeTable } from "./match.ts";

const TABLE = routeTable("default", [
  { pathPrefix: "/orders", namespace: "default", service: "orders", stripPrefix: true },
  { pathPrefix: "/orders/v2/", namespace: "shop", service: "orders-v2", stripPrefix: false },
]);

test.each([
  { host: "orders.weir", path: "/x", to: "default/orders/x" },
  { host: "ORDERS.Weir", path: "/", to: "default/orders/" },
  { host: "orders.weir:15001", path: "/?a", to: "default/orders/?a" },
  { host: "orders.weir.", path: "/", to: "default/orders/" },
  { host: "orders.weir.:80", path: "/", to: "default/orders/" },
  { host: "cart.shop.weir", path: "/x", to: "shop/cart/x" },
  { host: "cart.weir", path: "/orders/7", to: "default/cart/orders/7" },
  { host: "localhost", path: "/orders/7?x=1", to: "default/orders/7?x=1" },
  { host: "", path: "/orders", to: "default/orders/" },
  { host: "localhost", path: "/orders?x=1", to: "default/orders/?x=1" },
  { host: "localhost", path: "/orders/v2/a", to: "shop/orders-v2/orders/v2/a" },
  { host: "localhost", path: "/orders/v22", to: "default/orders/v22" },
])("$host$path goes to $to", ({ host, path, to }) => {
  const match = matchRoute(TABLE, host, path);
  expect(match && `${match.namespace}/${match.service}${match.path}`).toBe(to);
});

test.each([
  { host: "localhost", path: "/", because: "no prefix takes it" },
  { host: "localhost", path: "/ordersx", because: "prefixes match whole segments" },
  { host: "localhost", path: "/ORDERS", because: "paths have case" },
  { host: "weir", path: "/", because: "the domain alone names no service" },
  { host: ".weir", path: "/", because: "an empty service" },
  { host: "a..weir", path: "/", because: "an empty namespace" },
  { host: "a.b.c.weir", path: "/", because: "too many labels" },
  { host: "*.weir", path: "/", because: "a wildcard is not a name" },
  { host: "__proto__.weir", path: "/", because: "underscores are not in names" },
  { host: `${"a".repeat(64)}.weir`, path: "/", because: "64 characters are too many" },
  { host: "orders.weirdo", path: "/", because: "another domain" },
  { host: "ordersweir", path: "/", because: "no dot" },
  { host: "[::1]:15001", path: "/", because: "an address" },
])("$host$path goes nowhere: $because", ({ host, path }) => {
  expect(matchRoute(TABLE, host, path)).toBeUndefined();
});

test("the prefix / takes everything that nothing longer takes", () => {
  const route = { pathPrefix: "/", namespace: "default", service: "web", stripPrefix: true };
  const table = routeTable("default", [route, { ...route, pathPrefix: "/api", service: "api" }]);
  expect(matchRoute(table, "localhost", "/x?y")).toEqual({
    namespace: "default",
    service: "web",
    path: "/x?y",
  });
  expect(matchRoute(table, "localhost", "/api/x")?.service).toBe("api");
});
