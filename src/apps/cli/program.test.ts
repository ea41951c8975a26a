import { beforeEach, describe, expect, test } from "vitest";
import { policiesInNats } from "../../../test/support/check/facts.ts";
import { FakeCli } from "../../../test/support/fake-cli.ts";
import { aListing as aPolicy } from "../../../test/support/fake-policy-api.ts";
import { NO_LOCALITY } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";
import type { InstanceListing } from "../../ports/control-plane-api.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
});

const LISTING: InstanceListing = {
  instance: {
    namespace: "default",
    service: "orders",
    id: "orders-1" as InstanceId,
    address: { kind: "ip", value: "127.0.0.1" },
    ports: [{ name: "http", port: 8081, protocol: "http1" }],
    weight: 100,
    priority: 0,
    locality: NO_LOCALITY,
    metadata: new Map([["version", "v2"]]),
    health: "healthy",
    registrationId: "r1" as RegistrationId,
    generation: 1,
    leaseMs: 15_000,
  },
  state: "healthy",
  effectiveWeight: 100,
  isDraining: false,
  leaseRemainingMs: 12_345,
  sessionId: "",
  registeredAtMs: 1_700_000_000_000,
  defaults: undefined,
};

describe("words", () => {
  test.each([
    ["frobnicate", "unknown command"],
    ["drian orders orders-1", "Did you mean drain?"],
    ["drain orders", "missing required argument 'instance'"],
    ["drain orders orders-1 --deadline 30", "Write a duration"],
    ["drain orders orders-1 --deadline 11m", "at most 10m"],
    ["services -o yaml", "Allowed choices are table, json"],
    ["services --server nowhere", "HOST:PORT"],
    ["endpoints orders -l version", "key=value"],
    ["endpoints shop/cart -n default", "another namespace"],
    ["watch", "name a service to watch, or --all"],
    ["watch orders --all", "name a service to watch, or --all"],
    ["register orders 8081", "HOST:PORT"],
    ["register orders 127.0.0.1:1 --weight many", "whole number"],
    ["register orders 127.0.0.1:1 --policy luck", "Allowed choices are random"],
  ])("weir %s ends with 2 and says: %s", async (line, says) => {
    expect(await cli.run(line)).toBe(2);
    expect(cli.said).toContain(says);
    expect(cli.out).toBe("");
    expect(cli.api.calls).toEqual([]);
  });

  test("help and version go to standard output and end well", async () => {
    expect(await cli.run("--version")).toBe(0);
    expect(cli.out).toBe("1.2.3\n");
    expect(await cli.run("drain --help")).toBe(0);
    expect(cli.out).toContain("may be killed");
    expect(cli.said).toBe("");
  });
});

describe("which control plane", () => {
  test.each([
    { line: "services", env: {}, address: "127.0.0.1:7400", because: "it is the default" },
    {
      line: "services",
      env: { WEIR_SERVER: "a:1" },
      address: "a:1",
      because: "the environment names it",
    },
    {
      line: "services --server b:2",
      env: { WEIR_SERVER: "a:1" },
      address: "b:2",
      because: "the flag is stronger",
    },
  ])("$address, because $because", async ({ line, env, address }) => {
    Object.assign(cli.env, env);
    expect(await cli.run(line)).toBe(0);
    expect(cli.connected).toEqual([address]);
    expect(cli.api.isClosed).toBe(true);
  });

  test("a variable that is no address is named", async () => {
    cli.env["WEIR_SERVER"] = "nowhere";
    expect(await cli.run("services")).toBe(2);
    expect(cli.said).toContain("WEIR_SERVER");
  });
});

describe("lists", () => {
  test("services of every namespace, or of one", async () => {
    await cli.run("services");
    await cli.run("services -n shop");
    cli.env["WEIR_NAMESPACE"] = "stage";
    await cli.run("services");
    expect(cli.api.calls).toEqual(["listServices ", "listServices shop", "listServices stage"]);
  });

  test("an empty list says what to do next, and its JSON is a list", async () => {
    await cli.run("services");
    expect(cli.out).toBe("");
    expect(cli.said).toContain("weir register");
    await cli.run("services -o json");
    expect(JSON.parse(cli.out)).toEqual({ apiVersion: "weir/v1", services: [] });
  });

  test("endpoints as a table", async () => {
    cli.api.instances = [LISTING];
    expect(await cli.run("endpoints shop/orders -l version=v2 -l zone=a")).toBe(0);
    expect(cli.api.calls).toEqual(['listInstances shop/orders {"version":"v2","zone":"a"}']);
    const [heading, line] = cli.out.split("\n").map((text) => text.split(/ {2,}/));
    expect(heading).toEqual(["ID", "ADDRESS", "STATE", "WEIGHT", "PRIORITY", "LEASE", "METADATA"]);
    expect(line).toEqual([
      "orders-1",
      "127.0.0.1:8081",
      "healthy",
      "100",
      "0",
      "12.3s",
      "version=v2",
    ]);
  });

  test("endpoints as JSON", async () => {
    cli.api.instances = [LISTING];
    await cli.run("endpoints orders -o json");
    expect(JSON.parse(cli.out)).toMatchObject({
      namespace: "default",
      service: "orders",
      endpoints: [
        {
          id: "orders-1",
          address: "127.0.0.1:8081",
          metadata: { version: "v2" },
          leaseRemainingMs: 12_345,
          registeredAt: "2023-11-14T22:13:20.000Z",
        },
      ],
    });
  });

  test("what an operator decided is shown instead of what instances say", async () => {
    const decided = { namespace: "default", service: "orders", balancing: "peak_ewma" };
    cli.api.policies.present = [aPolicy(decided)];
    const service = { namespace: "default", protocol: "http1", policy: "random" };
    const counts = { instanceCount: 1, healthyCount: 1, hasConflictingDefaults: false };
    const names = ["orders", "cart"];
    cli.api.services = names.map((name) => ({ ...service, ...counts, name }));
    await cli.run("services");
    expect(cli.out).toMatch(/orders +http1 +peak_ewma \(operator\)/);
    expect(cli.out).toMatch(/cart +http1 +random +1\/1/);
    cli.api.instances = [LISTING];
    await cli.run("endpoints orders");
    expect(cli.said).toBe("balanced by peak_ewma: an operator decided so\n");
    cli.said = "";
    await cli.run("endpoints cart");
    expect(cli.said).toBe("");
  });

  test("who may not look at policies sees services all the same", async () => {
    cli.api.policies.list = () => Promise.reject(new MeshError("PERMISSION_DENIED", "no"));
    expect(await cli.run("services")).toBe(0);
  });

  test("a lease that is overdue while expiry is frozen says so", async () => {
    cli.api.instances = [{ ...LISTING, leaseRemainingMs: -5 }];
    await cli.run("endpoints orders");
    expect(cli.out).toContain("overdue");
  });
});

describe("drain", () => {
  test("SAFE ends with 0", async () => {
    expect(await cli.run("drain orders orders-1")).toBe(0);
    expect(cli.api.calls).toEqual(["drain default/orders orders-1 30000"]);
    expect(cli.out).toMatch(/^SAFE after 12ms/);
  });

  test("DEADLINE ends with 7 and lists who holds it up", async () => {
    const pending = [{ agentId: "web-1", reason: "in-flight", detail: "2 requests" }] as const;
    cli.api.report = { outcome: "deadline", pending, waitedMs: 5_000, agentCount: 3 };
    expect(await cli.run("drain orders orders-1 --deadline 5s")).toBe(7);
    expect(cli.out).toContain("DEADLINE after 5s");
    expect(cli.out).toMatch(/web-1 +in-flight +2 requests/);
    cli.out = "";
    expect(await cli.run("drain orders orders-1 -o json")).toBe(7);
    expect(JSON.parse(cli.out)).toMatchObject({
      outcome: "DEADLINE",
      waitedMs: 5_000,
      pending: [{ agent: "web-1", reason: "in-flight", detail: "2 requests" }],
    });
  });

  test("undrain and evict act on the instance that was named", async () => {
    expect(await cli.run("undrain orders orders-1")).toBe(0);
    expect(await cli.run("evict orders orders-2 -o json")).toBe(0);
    expect(cli.api.calls).toEqual(["undrain orders-1", "evict orders-2"]);
  });
});

test.each([
  ["INSTANCE_NOT_FOUND", 3],
  ["UNREACHABLE", 4],
  ["PERMISSION_DENIED", 5],
  ["SUPERSEDED", 6],
] as const)("%s ends with %i, prints why, and closes the connection", async (code, exitCode) => {
  cli.api.failure = new MeshError(code, "so it is");
  expect(await cli.run("undrain orders orders-1")).toBe(exitCode);
  expect(cli.said).toBe(`weir: so it is (${code})\n`);
  expect(cli.api.isClosed).toBe(true);
});

describe("health", () => {
  test("NATS that is gone is said, and is no reason to restart the server", async () => {
    const problem = "policies cannot be changed now";
    const policyStore = policiesInNats({ problem, isWritable: false, problemKind: "disconnected" });
    cli.api.state = { ...cli.api.state, policyStore, degraded: [problem] };
    expect(await cli.run("health")).toBe(0);
    expect(cli.out).toContain(`degraded: ${problem}`);
    cli.api.state = { ...cli.api.state, degraded: [problem, "no room for the journal"] };
    expect(await cli.run("health")).toBe(1);
  });

  test("a degraded control plane fails and says what does not work", async () => {
    expect(await cli.run("health")).toBe(0);
    cli.api.state = { ...cli.api.state, degraded: ["/var/weir cannot be written"] };
    expect(await cli.run("health")).toBe(1);
    expect(cli.out).toContain("degraded: /var/weir cannot be written");
  });

  test("an agent that is not ready fails and says why", async () => {
    expect(await cli.run("health --agent 127.0.0.1:15000")).toBe(0);
    cli.agentIsReady = false;
    expect(await cli.run("health --agent 127.0.0.1:15000")).toBe(1);
    expect(cli.out).toContain("not ready: no control plane yet");
  });
});
