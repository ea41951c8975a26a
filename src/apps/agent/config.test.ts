import { expect, test } from "vitest";
import { MeshError } from "../../core/model/mesh-error.ts";
import { serviceKey } from "../../core/model/names.ts";
import { settingsFor } from "../../data-plane/settings.ts";
import { agentConfigFrom } from "./config.ts";

function fromFile(fileText: string) {
  return agentConfigFrom({ flags: {}, env: {}, fileText, filePath: "agent.yaml" });
}

function problemsOf(fileText: string): string {
  try {
    fromFile(fileText);
  } catch (error) {
    if (error instanceof MeshError) return error.message;
  }
  throw new Error("it was accepted");
}

test("nothing at all gives the documented defaults", () => {
  expect(agentConfigFrom({ flags: {}, env: {} })).toMatchObject({
    controlPlane: ["127.0.0.1:7400"],
    namespace: "default",
    listen: "127.0.0.1:15001",
    admin: "127.0.0.1:15000",
    stateDir: ".weir/agent",
    policy: "least_request",
    retries: { attempts: 2, budgetPercent: 20, minPerSecond: 10 },
    timeouts: { connect: 1_000, request: 15_000, idle: 300_000 },
    pool: { maxConnectionsPerEndpoint: 256 },
    accessLog: "off",
    subscribeAll: false,
    instances: [],
  });
});

test("the whole documented file is understood", () => {
  const config = fromFile(`
id: web-1
controlPlane: [127.0.0.1:7400]
namespace: shop
locality: { region: eu, zone: a, subZone: r1 }
subscribe: [orders, other/cart, "*"]
policy: least_request
retries: { attempts: 2, budgetPercent: 20, minPerSecond: 10 }
timeouts: { connect: 1s, request: 15s, idle: 5m }
pool: { maxConnectionsPerEndpoint: 256 }
accessLog: off
services:
  - { name: orders, policy: peak_ewma, retries: 0, timeout: 3s, port: http }
routes:
  - { pathPrefix: /orders, service: orders, stripPrefix: true }
instances:
  - service: orders
    id: orders-1
    address: 127.0.0.1
    port: 8081
    weight: 50
    priority: 1
    lease: 30s
    metadata: { version: v1, shard: 7 }
    defaults: { protocol: http1, policy: least_request }
    probe: { http: /healthz, interval: 2s, timeout: 1s, rise: 2, fall: 3 }
`);
  expect(config.subscribe).toEqual([
    { namespace: "shop", service: "orders" },
    { namespace: "other", service: "cart" },
  ]);
  expect(config.subscribeAll).toBe(true);
  expect(config.routes).toEqual([
    { pathPrefix: "/orders", namespace: "shop", service: "orders", stripPrefix: true },
  ]);
  expect(settingsFor(config, serviceKey("shop", "orders"))).toMatchObject({
    policy: "peak_ewma",
    requestTimeoutMs: 3_000,
    retryAttempts: 0,
    port: "http",
  });
  expect(settingsFor(config, serviceKey("shop", "else"))).toMatchObject({
    policy: "least_request",
    requestTimeoutMs: 15_000,
    retryAttempts: 2,
  });
  expect(config.instances).toMatchObject([
    {
      key: "shop/orders/orders-1",
      instance: {
        weight: 50,
        priority: 1,
        leaseMs: 30_000,
        locality: { region: "eu", zone: "a", subZone: "r1" },
        metadata: new Map([
          ["version", "v1"],
          ["shard", "7"],
        ]),
      },
      defaults: { protocol: "http1", policy: "least_request" },
      probe: {
        target: { kind: "http", host: "127.0.0.1", port: 8081, path: "/healthz" },
        intervalMs: 2_000,
        timeoutMs: 1_000,
        thresholds: { rise: 2, fall: 3 },
      },
    },
  ]);
});

test("flag beats environment beats file beats default, and each says where it came from", () => {
  const { listen, admin, namespace, policy, timeouts, sources } = agentConfigFrom({
    flags: { listen: "127.0.0.1:1" },
    env: { WEIR_LISTEN: "127.0.0.1:2", WEIR_ADMIN: "127.0.0.1:3", WEIR_TIMEOUTS_REQUEST: "7s" },
    fileText: "listen: 127.0.0.1:4\nadmin: 127.0.0.1:5\nnamespace: shop\ntimeouts: { idle: 1m }\n",
    filePath: "agent.yaml",
  });
  expect({ listen, admin, namespace, policy, timeouts }).toEqual({
    listen: "127.0.0.1:1",
    admin: "127.0.0.1:3",
    namespace: "shop",
    policy: "least_request",
    timeouts: { connect: 1_000, request: 7_000, idle: 60_000 },
  });
  const from = Object.fromEntries(sources.map(({ name, source }) => [name, source]));
  expect(from).toMatchObject({
    listen: "--listen",
    admin: "WEIR_ADMIN",
    namespace: "agent.yaml:3",
    policy: "default",
    "timeouts.request": "WEIR_TIMEOUTS_REQUEST",
    "timeouts.idle": "agent.yaml:4",
    "timeouts.connect": "default",
  });
});

test.each([
  {
    file: "listn: 127.0.0.1:1",
    says: "agent.yaml:1: listn: is not a setting; did you mean listen?",
  },
  { file: "a: 1\n\nlisten: 5", says: "agent.yaml:3: listen" },
  { file: "retries:\n  atempts: 1", says: "agent.yaml:2: retries.atempts" },
  { file: "policy: quick", says: "is not one of random, round_robin" },
  { file: "timeouts: { connect: 5 }", says: "5 is not a duration" },
  { file: "subscribe: [Orders]", says: '"Orders" is no service' },
  { file: "controlPlane: [nowhere]", says: "write HOST:PORT" },
  { file: "listen: [", says: "agent.yaml:1" },
  { file: "- listen", says: "must hold settings" },
  { file: "instances: [{ service: a, id: b }]", says: "set the port that the instance listens on" },
  { file: "instances: [{ service: a, id: b, port: 99999 }]", says: "instances[0].port: must be" },
  {
    file: "instances: [{ service: a, id: b, port: 1, probe: { tcp: true, http: / } }]",
    says: "set one of http, tcp, grpc and none",
  },
  {
    file: "instances: [{ service: a, id: b, port: 1, address: 0.0.0.0 }]",
    says: "not where to dial",
  },
  { file: "instances: [{ service: a, id: b, port: 1, lease: 1s }]", says: "3s..5m" },
])("$file is refused: $says", ({ file, says }) => {
  expect(problemsOf(file)).toContain(says);
});

test("two instances with one id name both and the line", () => {
  const problems = problemsOf(`
instances:
  - { service: orders, id: o-1, port: 1 }
  - { service: orders, id: o-2, port: 2 }
  - { service: orders, id: o-1, port: 3 }
`);
  expect(problems).toContain(
    "agent.yaml:5: instances[2].id: default/orders/o-1 is also instances[0]",
  );
});

test.each([
  { probe: "", target: { kind: "tcp", host: "127.0.0.1", port: 8081 } },
  { probe: ", probe: { tcp: true }", target: { kind: "tcp", host: "127.0.0.1", port: 8081 } },
  {
    probe: ", probe: { grpc: orders.v1 }",
    target: { kind: "grpc", host: "127.0.0.1", port: 8081, service: "orders.v1" },
  },
  { probe: ", probe: { none: true }", target: undefined },
])("an instance with '$probe' is probed by $target.kind", ({ probe, target }) => {
  const config = fromFile(`instances: [{ service: a, id: b, port: 8081${probe} }]`);
  expect(config.instances[0]?.probe?.target).toEqual(target);
});

test("all problems come in one message", () => {
  const problems = problemsOf("listn: 1\npolicy: quick\nsubscribe: [A]\n");
  expect(problems.split("\n")).toHaveLength(4);
});

test("one instance needs no file: --service and --port", () => {
  const flags = { service: "hello", port: "8080", health: "/up", instance: "hello-1" };
  const { instances, sources } = agentConfigFrom({ flags, env: {} });
  expect(instances).toMatchObject([
    { key: "default/hello/hello-1", probe: { target: { kind: "http", port: 8080, path: "/up" } } },
  ]);
  expect(sources.find(({ name }) => name === "instances")).toMatchObject({ source: "--service" });
});

test("the instance of the flags stands beside those of the file, with an id of its own", () => {
  const { instances } = agentConfigFrom({
    flags: { service: "shop/hello", port: 8080 },
    env: { WEIR_PORT: "tcp://10.0.0.1:7400", WEIR_SERVICE_PORT: "7400" },
    fileText: "instances: [{ service: a, id: b, port: 1 }]",
  });
  expect(instances.map(({ key }) => key)).toEqual([
    "default/a/b",
    expect.stringMatching(/^shop\/hello\/.+:8080$/),
  ]);
});

test.each([
  { flags: { port: "8080" }, says: "--service: service: is missing; add --service hello" },
  { flags: { service: "hello" }, says: "--port: port: is missing; add --port 8080" },
  { flags: { service: "Hello", port: "1" }, says: '--service: service: "Hello" is no service' },
  { flags: { service: "hello", port: "no" }, says: "--port: port: must be a whole number" },
  { flags: { service: "a", port: "1", health: "up" }, says: "--health: health: must be a path" },
  { flags: { service: "a", port: "1", address: "0.0.0.0" }, says: "--service: instances[0]" },
])("$flags is refused: $says", ({ flags, says }) => {
  expect(() => agentConfigFrom({ flags, env: {} })).toThrow(says);
});
