import type { experimental } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { authorityOf, parseMeshTarget } from "./mesh-target.ts";

/** As gRPC splits a target. Source: its `parseUri`. */
function uri(authority: string | undefined, path: string): experimental.GrpcUri {
  return authority === undefined ? { scheme: "weir", path } : { scheme: "weir", authority, path };
}

test.each([
  { authority: undefined, path: "orders", names: [undefined, undefined, "orders"] },
  { authority: undefined, path: "shop/orders", names: [undefined, "shop", "orders"] },
  { authority: "", path: "orders", names: [undefined, undefined, "orders"] },
  { authority: "eu", path: "orders", names: ["eu", undefined, "orders"] },
  { authority: "eu", path: "shop/orders", names: ["eu", "shop", "orders"] },
])("$authority and $path name $names", ({ authority, path, names }) => {
  const [mesh, namespace, service] = names;
  expect(parseMeshTarget(uri(authority, path))).toEqual({ mesh, namespace, service });
});

test.each(["", "Orders", "orders:80", "//orders", "/orders", "orders/", "a/b/c", "-a"])(
  "'%s' names nothing",
  (path) => {
    expect(() => parseMeshTarget(uri(undefined, path))).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(path) }),
    );
  },
);

test("servers see the name that HTTP clients use", () => {
  expect(authorityOf(parseMeshTarget(uri("eu", "orders")))).toBe("orders.weir");
  expect(authorityOf(parseMeshTarget(uri(undefined, "shop/orders")))).toBe("orders.shop.weir");
});
