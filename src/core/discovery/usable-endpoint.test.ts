import { expect, test } from "vitest";
import type { Endpoint } from "../model/endpoint.ts";
import { type Address, NO_LOCALITY, NO_METADATA } from "../model/instance.ts";
import type { InstanceId, RegistrationId } from "../model/names.ts";
import { whyUnusable } from "./usable-endpoint.ts";

function endpoint(kind: Address["kind"], value: string, port = 80): Endpoint {
  return {
    id: "a" as InstanceId,
    registrationId: "a-1" as RegistrationId,
    address: { kind, value },
    ports: [{ name: "http", port, protocol: "http1" }],
    weight: 1,
    priority: 0,
    locality: NO_LOCALITY,
    state: "healthy",
    metadata: NO_METADATA,
    hash: 1n,
    operatorRevision: 0,
  };
}

test.each([
  endpoint("ip", "10.0.0.1"),
  endpoint("ip", "::1"),
  endpoint("ip", "fe80::1%eth0"),
  endpoint("hostname", "db.internal"),
  endpoint("hostname", "my_service"),
  endpoint("unix", "/run/x.sock", 0),
])("$address.kind $address.value can be dialled", (usable) => {
  expect(whyUnusable(usable)).toBeUndefined();
});

test.each([
  { bad: endpoint("ip", ""), because: "not an IP address" },
  { bad: endpoint("ip", "example.org"), because: "not an IP address" },
  { bad: endpoint("hostname", "a b"), because: "not a host name" },
  { bad: endpoint("hostname", `${"a".repeat(254)}`), because: "not a host name" },
  { bad: endpoint("unix", "run/x.sock"), because: "not absolute" },
  { bad: endpoint("ip", "10.0.0.1", 0), because: "no port" },
  { bad: endpoint("ip", "10.0.0.1", 70_000), because: "no port" },
  { bad: { ...endpoint("ip", "10.0.0.1"), weight: -1 }, because: "weight -1" },
  { bad: { ...endpoint("ip", "10.0.0.1"), id: "" as InstanceId }, because: "no id" },
])("$bad.address.value is refused: $because", ({ bad, because }) => {
  expect(whyUnusable(bad)).toContain(because);
});
