import { beforeEach, describe, expect, test } from "vitest";
import { aCluster } from "../../../../test/support/check/cluster.ts";
import { aListing, anAgent, policiesInNats } from "../../../../test/support/check/facts.ts";
import { FakeCli } from "../../../../test/support/fake-cli.ts";
import { MeshError } from "../../../core/model/mesh-error.ts";

const AGENT = "127.0.0.1:15000";
const REFUSED = new MeshError("UNREACHABLE", "refused");

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
  cli.api.state = { ...cli.api.state, softwareVersion: "1.2.3", wallMs: cli.clock.wallMs() };
  cli.api.agents = [anAgent({ softwareVersion: "1.2.3" })];
  cli.api.instances = [aListing({ id: "a" }), aListing({ id: "b" })];
  cli.api.services = [
    {
      namespace: "default",
      name: "orders",
      protocol: "http1",
      policy: "",
      instanceCount: 2,
      healthyCount: 2,
      hasConflictingDefaults: false,
    },
  ];
  cli.probe.ports.set("127.0.0.1:7401", "http1");
  cli.probe.pages.set("127.0.0.1:7401/version", { status: 200, body: '{"version":"1.2.3"}' });
});

function setAgent(of: { isReady?: boolean; isConnected?: boolean } = {}): void {
  const { isReady = true, isConnected = true } = of;
  const json = (body: unknown) => ({ status: 200, body: JSON.stringify(body) });
  const controlPlane = { isConnected, address: "127.0.0.1:7400", replicaId: "one", problem: "" };
  cli.probe.ports.set(AGENT, "http1");
  cli.probe.ports.set("127.0.0.1:15001", "http1");
  const pages = {
    "/version": json({ name: "weir agent", id: "web-1", version: "1.2.3" }),
    "/ready": { status: isReady ? 200 : 503, body: isReady ? "ready\n" : "one\ntwo\n" },
    "/endpoints": json({ controlPlane, services: [{ service: "default/orders", origin: "live" }] }),
    "/instances": json({ instances: [] }),
    "/config": json([{ name: "listen", value: "127.0.0.1:15001", source: "default" }]),
    "/metrics": {
      status: 200,
      body: [
        'weir_agent_retries_total{service="default/orders"} 30',
        'weir_agent_retries_refused_total{service="default/orders"} 20',
      ].join("\n"),
    },
  };
  for (const [path, page] of Object.entries(pages)) cli.probe.pages.set(`${AGENT}${path}`, page);
}

const json = () => JSON.parse(cli.out);
const ids = () => json().findings.map(({ id }: { id: string }) => id);

describe("in a cluster", () => {
  const VARZ = "10.0.0.9:8222/varz";
  const varz = (of: object) => ({ status: 200, body: JSON.stringify({ server_id: "N", ...of }) });

  beforeEach(() => {
    const [self, other] = aCluster().members.map((one) => ({ ...one, softwareVersion: "1.2.3" }));
    if (self === undefined || other === undefined) throw new Error("there are two");
    cli.api.cluster = aCluster({ members: [self, other] });
    cli.api.state = { ...cli.api.state, policyStore: policiesInNats() };
  });

  test("what was looked at names the replicas and NATS", async () => {
    expect(await cli.run("check")).toBe(0);
    expect(cli.out).toContain(
      "cluster        weir: one, two; in sync; NATS nats://10.0.0.9:4222\n",
    );
  });

  test("how NATS writes to disk is asked beside the bus, and not known without an answer", async () => {
    await cli.run("check -o json");
    expect(json().summary.notChecked).toContain("nats-sync-interval");
    cli.out = "";
    cli.probe.pages.set(VARZ, varz({ version: "2.10.1", jetstream: { config: {} } }));
    await cli.run("check -o json");
    expect(ids()).toContain("nats-sync-interval");
  });

  test("pages are asked where somebody said, and those of another program are no answer", async () => {
    const always = { jetstream: { config: { sync_always: true, sync_interval: 120e9 } } };
    cli.probe.pages.set("n1:8222/varz", varz({ version: "2.10.1", ...always }));
    cli.probe.pages.set("n2:8222/varz", { status: 200, body: "<html>" });
    await cli.run("check -o json --nats-monitor n1:8222,n2:8222");
    expect(ids()).not.toContain("nats-sync-interval");
    expect(json().summary.checked).toContain("nats-sync-interval");
  });

  test("a server that is too old to tell of a cluster is judged without it", async () => {
    cli.api.listMembers = () => Promise.reject(new MeshError("UNIMPLEMENTED", "what?"));
    expect(await cli.run("check -o json")).toBe(0);
    expect(json().summary.notChecked).toContain("member-dead");
    expect(json().summary.checked).toContain("single-instance");
  });
});

test("a mesh that is well ends with 0 and says what was looked at", async () => {
  expect(await cli.run("check")).toBe(0);
  expect(cli.out).toContain("127.0.0.1:7400: replica one, Weir 1.2.3");
  expect(cli.out).toContain("1 service with 2 instances, 1 agent");
  expect(cli.out).toContain("none at 127.0.0.1:15000; name one with --agent");
  expect(cli.out).toContain("Nothing is wrong.");
  expect(cli.out).toMatch(/Looked for \d+ kinds of fault; not for \d+/);
});

test("names what it could not look for, when that is little", async () => {
  setAgent();
  await cli.run("check");
  const { state } = cli.api;
  expect(state.stateDirectory?.path).not.toBe("");
  expect(cli.out).toMatch(/not for 5, .*\(certificate-expired, .*certificate-unknown-ca\)/);
});

test("a finding is three lines: what, why, mend", async () => {
  cli.api.failure = REFUSED;
  expect(await cli.run("check --server cp.local:7400")).toBe(1);
  const lines = cli.out.split("\n");
  const at = lines.findIndex((line) => line.startsWith("ERROR"));
  expect(lines.slice(at, at + 3)).toEqual([
    expect.stringMatching(
      /^ERROR {3}cp\.local:7400: No control plane .*\[control-plane-unreachable\]$/,
    ),
    expect.stringMatching(/^ {2}why {3}Agents serve on/),
    expect.stringMatching(/^ {2}mend {2}weir server/),
  ]);
  expect(cli.out).toContain("Found 1 error, 0 warnings, 0 notes.");
});

test("json has the findings, the counts, what was checked, and the exit code", async () => {
  cli.api.state = { ...cli.api.state, isSettled: false };
  expect(await cli.run("check -o json")).toBe(0);
  expect(json()).toMatchObject({
    apiVersion: "weir/v1",
    server: "127.0.0.1:7400",
    agent: null,
    findings: [{ id: "server-unsettled", severity: "warning", subject: "server one" }],
    summary: { errors: 0, warnings: 1, infos: 0 },
    exitCode: 0,
  });
  expect(Object.keys(json().findings[0])).toEqual([
    "id",
    "severity",
    "subject",
    "what",
    "why",
    "fix",
  ]);
  expect(json().summary.checked).toContain("expiry-frozen");
  expect(json().summary.notChecked).toContain("agent-not-ready");
});

test("a warning is a failure with --fail-on warning only, a note never", async () => {
  cli.api.agents = [];
  expect(await cli.run("check --fail-on warning -o json")).toBe(0);
  expect(ids()).toEqual(["no-agents"]);
  cli.api.state = { ...cli.api.state, isSettled: false };
  expect(await cli.run("check")).toBe(0);
  expect(await cli.run("check --fail-on warning")).toBe(1);
});

describe("--wait", () => {
  test("looks again until nothing fails", async () => {
    cli.api.failure = REFUSED;
    const exit = await ending(cli.run("check --wait 10s -o json"), () => {
      if (cli.connected.length === 2) cli.api.failure = undefined;
    });
    expect(exit).toBe(0);
    expect(json()).toMatchObject({ findings: [], exitCode: 0 });
    expect(cli.said).toBe("waiting for 127.0.0.1:7400 [control-plane-unreachable]\n");
  });

  test("ends with 7 when the time is over, and says what still fails", async () => {
    cli.api.failure = REFUSED;
    expect(await ending(cli.run("check --wait 3s -o json"))).toBe(7);
    expect(cli.connected).toHaveLength(4);
    expect(ids()).toEqual(["control-plane-unreachable"]);
    expect(json().exitCode).toBe(7);
    expect(cli.said).toContain("after 3 s still 1 failure");
  });

  test("does not wait when nothing fails", async () => {
    expect(await cli.run("check --wait")).toBe(0);
    expect(cli.connected).toHaveLength(1);
  });

  test.each(["soon", "10"])("takes no %s for a duration", async (text) => {
    expect(await cli.run(`check --wait ${text}`)).toBe(2);
  });

  /** Lets time pass, second by second, until the program ends. */
  async function ending(run: Promise<number>, each: () => void = () => undefined): Promise<number> {
    let exit: number | undefined;
    const ended = run.then((code) => {
      exit = code;
      return code;
    });
    while (exit === undefined) {
      await new Promise((resolve) => setImmediate(resolve));
      each();
      cli.clock.advance(1_000);
    }
    return await ended;
  }
});

describe("the agent beside", () => {
  test("is looked at when one is there", async () => {
    setAgent({ isReady: false, isConnected: false });
    expect(await cli.run("check -o json")).toBe(1);
    expect(ids()).toEqual(["agent-not-ready", "agent-control-plane-lost", "retries-refused"]);
    expect(json().agent).toBe(AGENT);
    expect(json().findings[0].what).toContain("one; two");
  });

  test("is an error when it was named and is not there", async () => {
    expect(await cli.run("check --agent 127.0.0.1:15100 -o json")).toBe(1);
    expect(ids()).toEqual(["agent-unreachable"]);
  });

  test("is told from somebody else on its port", async () => {
    cli.probe.ports.set(AGENT, "http1");
    cli.probe.pages.set(`${AGENT}/version`, { status: 404, body: "not found" });
    expect(await cli.run("check -o json")).toBe(1);
    expect(ids()).toEqual(["default-port-taken"]);
  });

  test("does not answer on its port for requests", async () => {
    setAgent();
    cli.probe.ports.delete("127.0.0.1:15001");
    await cli.run("check -o json");
    expect(ids()).toEqual(["agent-listener-unreachable", "retries-refused"]);
  });
});

test("an admin port named with --admin is looked at, also without a control plane", async () => {
  cli.api.failure = REFUSED;
  await cli.run("check --server 10.0.0.1:7400 --admin 10.0.0.1:7401 -o json");
  expect(ids()).toEqual(["control-plane-unreachable", "admin-unreachable"]);
});

test("a clock is as far off as the round trip leaves no doubt of", async () => {
  cli.api.state = { ...cli.api.state, wallMs: cli.clock.wallMs() + 45_000 };
  expect(await cli.run("check -o json")).toBe(1);
  expect(ids()).toEqual(["clock-offset"]);
});

test("a service that goes between two calls is no failure", async () => {
  cli.api.listInstances = async () => {
    throw new MeshError("SERVICE_NOT_FOUND", "gone");
  };
  expect(await cli.run("check -o json")).toBe(0);
  expect(json().findings).toEqual([]);
});

test("an older server that tells less is judged by what it tells", async () => {
  const { process: _, stateDirectory: __, ...older } = cli.api.state;
  cli.api.state = {
    ...older,
    process: undefined,
    stateDirectory: undefined,
    usage: [],
    listeners: [],
    wallMs: 0,
  };
  expect(await cli.run("check -o json")).toBe(0);
  expect(json().summary.notChecked).toEqual(
    expect.arrayContaining(["limit-near", "heap-near-limit", "clock-offset", "no-state-directory"]),
  );
});

test("only the namespace that was asked for is looked at", async () => {
  await cli.run("check -n shop");
  expect(cli.api.calls).toContain("listServices shop");
});
