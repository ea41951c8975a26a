import { expect, test } from "vitest";
import { aControlPlane, anInput, TestAgent } from "../../../test/support/control-plane.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import { ReplicaPair } from "../../../test/support/replica-pair.ts";
import type { AdminResponse } from "../../ports/admin-http.ts";
import { adminPages } from "./admin-pages.ts";
import type { ControlPlane } from "./start.ts";

/** Asks a replica's pages, always the same ones: readiness remembers. */
function pagesOf(plane: ControlPlane, isDraining = () => false) {
  const pages = adminPages(plane, isDraining);
  return (path: string, query = ""): AdminResponse =>
    pages[path]?.({ path, query: new Map([[query, ""]]) }) ?? { status: 404, body: "" };
}

test("a server alone is ready at once, settled or not", () => {
  const ask = pagesOf(aControlPlane(new FakeClock(), { settleAfterMs: 30_000 }));
  expect(ask("/readyz")).toEqual({ status: 200, body: "ready\n" });
  expect(ask("/readyz", "verbose").body).toMatch(
    /^\[\+\]serving ok\n\[\+\]synced ok\n\[!\]settled degraded: .*\n\[\+\]bus ok: none: .*alone\n\[\+\]disk ok\n\[\+\]policies ok\n\[\+\]expiry ok\nready\n$/,
  );
});

test("a server that goes is not ready", () => {
  const ask = pagesOf(aControlPlane(new FakeClock()), () => true);
  expect(ask("/readyz")).toEqual({ status: 503, body: "it is shutting down\n" });
  expect(ask("/readyz", "verbose").body).toContain("[-]serving failing: it is shutting down\n");
});

test("a replica is ready once it has caught up, and stays so when it falls behind", async () => {
  const pair = new ReplicaPair();
  const ask = pagesOf(pair.start("one"));
  expect(ask("/readyz").status).toBe(503);
  expect(ask("/readyz", "verbose").body).toMatch(/\[-\]synced failing: .*\n(.*\n)*not ready\n$/);
  await pair.pass(3_500);
  expect(ask("/readyz").status).toBe(200);
  pair.network.outage();
  await pair.pass(1_000);
  expect(ask("/readyz").status).toBe(200);
  expect(ask("/readyz", "verbose").body).toMatch(/\[!\]bus degraded: not connected for 1 s: /);
});

test("a replica that never finds its bus is ready after ten seconds", async () => {
  const pair = new ReplicaPair();
  pair.network.outage();
  const ask = pagesOf(pair.start("one"));
  await pair.pass(9_000);
  expect(ask("/readyz").status).toBe(503);
  await pair.pass(1_100);
  expect(ask("/readyz").status).toBe(200);
  expect(ask("/readyz", "verbose").body).toContain("[!]bus degraded");
});

test("figures of agents and of the cluster", async () => {
  const pair = new ReplicaPair();
  const one = pair.start("one");
  const two = pair.start("two");
  one.replica.register(anInput({ id: "a" }));
  one.replica.publish();
  await pair.pass(3_500);
  const agent = new TestAgent(two, "agent-1").watch();
  await pair.pass(50);
  const metrics = (): string => String(pagesOf(two)("/metrics").body);
  expect(metrics()).toContain('weir_agents{state="stale"} 1\n');
  agent.ack();
  expect(metrics()).toContain('weir_watch_ack_seconds_bucket{le="0.025"} 0\n');
  expect(metrics()).toContain('weir_watch_ack_seconds_bucket{le="0.05"} 1\n');
  expect(metrics()).toContain('weir_agents{state="synced"} 1\n');
  for (const line of [
    'weir_cluster_members{state="alive"} 2',
    "weir_cluster_synced 1",
    "weir_cluster_isolated 0",
    'weir_cluster_peer_lag{peer="one"} 0',
    'weir_cluster_peer_agrees{peer="one"} 1',
    'weir_cluster_peer_instances{peer="one"} 1',
    'weir_digest_mismatch_total{peer="one"} 0',
    'weir_bus_gap_total{peer="one"} 0',
    "weir_bus_connected 1",
    "weir_bus_reconnects_total 0",
    "weir_policies_writable 1",
  ]) {
    expect(metrics()).toContain(`${line}\n`);
  }
  expect(metrics()).toMatch(/weir_bus_resync_total\{peer="one",reason="full"\} 1\n/);
});

test("a server alone has no figures of a cluster", () => {
  const text = String(pagesOf(aControlPlane(new FakeClock()))("/metrics").body);
  expect(text).toContain("weir_registry_services 0\n");
  expect(text).not.toContain("weir_cluster");
  expect(text).not.toContain("weir_bus");
});
