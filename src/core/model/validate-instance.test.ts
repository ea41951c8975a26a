import { isIP } from "node:net";
import { expect, test } from "vitest";
import { type Instance, NO_LOCALITY, NO_METADATA, type Port } from "./instance.ts";
import type { InstanceId, RegistrationId } from "./names.ts";
import { instanceViolations } from "./validate-instance.ts";

const PLAIN: Instance = {
  namespace: "default",
  service: "orders",
  id: "orders-1" as InstanceId,
  address: { kind: "ip", value: "10.0.0.7" },
  ports: [{ name: "http", port: 8080, protocol: "http1" }],
  weight: 100,
  priority: 0,
  locality: NO_LOCALITY,
  metadata: NO_METADATA,
  health: "healthy",
  registrationId: "" as RegistrationId,
  generation: 0,
  leaseMs: 15_000,
};

function fieldsOf(change: Partial<Instance>): string[] | undefined {
  const found = instanceViolations({ ...PLAIN, ...change }, "instance", (text) => isIP(text) !== 0);
  return found?.map(({ field }) => field);
}

function ports(...list: [name: string, port: number][]): { ports: Port[] } {
  return { ports: list.map(([name, port]) => ({ name, port, protocol: "http1" })) };
}

const sixteen = Array.from({ length: 16 }, (_, i): [string, number] => [`p${i}`, 80 + i]);

test.each<{ what: string; change: Partial<Instance> }>([
  { what: "a plain instance", change: {} },
  { what: "names of 63 characters", change: { namespace: "n".repeat(63) } },
  { what: "host:port as id", change: { id: "10.0.0.7:8080" as InstanceId } },
  { what: "a registration id of 64", change: { registrationId: "r".repeat(64) as RegistrationId } },
  { what: "IPv6", change: { address: { kind: "ip", value: "fe80::1" } } },
  { what: "a host name", change: { address: { kind: "hostname", value: "db_1.prod.local." } } },
  {
    what: "a socket",
    change: { address: { kind: "unix", value: "/run/x" }, ...ports(["http", 0]) },
  },
  { what: "16 ports", change: ports(...sixteen) },
  { what: "weight 0", change: { weight: 0 } },
  { what: "weight 10000", change: { weight: 10_000 } },
  { what: "the last priority", change: { priority: 127 } },
  { what: "the shortest lease", change: { leaseMs: 3_000 } },
  { what: "the longest lease", change: { leaseMs: 300_000 } },
  { what: "a zone", change: { locality: { region: "eu-1", zone: "a", subZone: "rack/7" } } },
  { what: "32 labels", change: { metadata: labels(32, "v") } },
  { what: "a label of 256 bytes", change: { metadata: new Map([["k", "é".repeat(128)]]) } },
])("$what is accepted", ({ change }) => {
  expect(fieldsOf(change)).toBeUndefined();
});

const hostile = [
  "",
  "__proto__",
  "*",
  ">",
  "a.b",
  "a/b",
  "A",
  "-a",
  "a-",
  "a b",
  "x".repeat(10_240),
];

test.each(hostile.map((name) => ({ name })))("$name names no service", ({ name }) => {
  expect(fieldsOf({ service: name })).toEqual(["instance.service"]);
  expect(fieldsOf({ namespace: name })).toEqual(["instance.namespace"]);
  expect(fieldsOf(ports([name, 80]))).toEqual(["instance.ports[0].name"]);
});

test.each<{ field: string; change: Partial<Instance> }>([
  { field: "id", change: { id: "a/b" as InstanceId } },
  { field: "id", change: { id: "x".repeat(129) as InstanceId } },
  { field: "registration_id", change: { registrationId: "r".repeat(65) as RegistrationId } },
  { field: "address", change: { address: { kind: "ip", value: "" } } },
  { field: "address.ip", change: { address: { kind: "ip", value: "10.0.0.256" } } },
  { field: "address.ip", change: { address: { kind: "ip", value: "[::1]" } } },
  { field: "address.ip", change: { address: { kind: "ip", value: "fe80::1%eth0" } } },
  { field: "address.ip", change: { address: { kind: "ip", value: "0.0.0.0" } } },
  { field: "address.ip", change: { address: { kind: "ip", value: "::" } } },
  { field: "address.hostname", change: { address: { kind: "hostname", value: "a:80" } } },
  { field: "address.hostname", change: { address: { kind: "hostname", value: "http://a" } } },
  { field: "address.hostname", change: { address: { kind: "hostname", value: "10.0.0.7" } } },
  { field: "address.hostname", change: { address: { kind: "hostname", value: "a.".repeat(127) } } },
  { field: "address.unix_path", change: { address: { kind: "unix", value: "run/x" } } },
  { field: "address.unix_path", change: { address: { kind: "unix", value: "/a\u0000b" } } },
  {
    field: "address.unix_path",
    change: { address: { kind: "unix", value: `/${"é".repeat(54)}` } },
  },
  { field: "ports", change: ports() },
  { field: "ports", change: ports(...sixteen, ["q", 1]) },
  { field: "ports[0].port", change: ports(["http", 0]) },
  { field: "ports[1].port", change: ports(["http", 80], ["grpc", 70_000]) },
  { field: "ports[1].name", change: ports(["http", 80], ["http", 81]) },
  { field: "weight", change: { weight: 10_001 } },
  { field: "priority", change: { priority: 128 } },
  { field: "lease", change: { leaseMs: 2_999 } },
  { field: "lease", change: { leaseMs: 300_001 } },
  { field: "lease", change: { leaseMs: Number.NaN } },
  { field: "generation", change: { generation: 2 ** 53 } },
  { field: "locality.sub_zone", change: { locality: { region: "", zone: "", subZone: "a b" } } },
  { field: "metadata", change: { metadata: labels(33, "v") } },
  { field: "metadata", change: { metadata: labels(17, "v".repeat(250)) } },
  { field: "metadata", change: { metadata: new Map([["k", "v".repeat(257)]]) } },
  { field: "metadata", change: { metadata: new Map([["k", "\ud800"]]) } },
  { field: "metadata", change: { metadata: new Map([["a b", "v"]]) } },
])("a bad $field is named: $change", ({ field, change }) => {
  expect(fieldsOf(change)).toEqual([`instance.${field}`]);
});

test("everything that is wrong is reported at once", () => {
  const change = { service: "*", id: "" as InstanceId, weight: 99_999, leaseMs: 1 };
  expect(fieldsOf(change)).toEqual([
    "instance.service",
    "instance.id",
    "instance.weight",
    "instance.lease",
  ]);
});

function labels(count: number, value: string): Map<string, string> {
  return new Map(Array.from({ length: count }, (_, i) => [`key-${i}`, value]));
}
