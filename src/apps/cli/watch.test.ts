import { beforeEach, describe, expect, test } from "vitest";
import { FakeCli } from "../../../test/support/fake-cli.ts";
import type { Endpoint } from "../../core/model/endpoint.ts";
import { NO_LOCALITY } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { InstanceId, RegistrationId } from "../../core/model/names.ts";

let cli: FakeCli;

beforeEach(() => {
  cli = new FakeCli();
});

/** Lets everything run that waits for nothing but other promises. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

const endpoint: Endpoint = {
  id: "orders-1" as InstanceId,
  registrationId: "r1" as RegistrationId,
  address: { kind: "ip", value: "127.0.0.1" },
  ports: [{ name: "http", port: 8081, protocol: "http1" }],
  weight: 100,
  priority: 0,
  locality: NO_LOCALITY,
  state: "healthy",
  metadata: new Map(),
  hash: 1n,
  operatorRevision: 0,
};

describe("watch", () => {
  test("fails at once when nobody answers", async () => {
    cli.api.failure = new MeshError("UNREACHABLE", "nobody there");
    expect(await cli.run("watch orders")).toBe(4);
  });

  test("connects again after it was connected once", async () => {
    const ended = cli.run("watch --all");
    await settled();
    cli.api.observer?.opened("one");
    cli.api.observer?.ended(new MeshError("UNREACHABLE", "gone"));
    await settled();
    expect(cli.said).toContain("gone; connecting again");
    cli.clock.advance(1_000);
    await settled();
    expect(cli.api.calls).toEqual(["observe /undefined", "observe /undefined"]);
    cli.press("SIGINT");
    expect(await ended).toBe(130);
  });

  test("prints one line of JSON for each event", async () => {
    const ended = cli.run("watch orders -o json");
    await settled();
    cli.api.observer?.opened("one");
    cli.api.observer?.updated({
      type: "endpoints",
      kind: "snapshot",
      namespace: "default",
      service: "orders",
      fromVersion: 0,
      version: 1,
      chunk: 0,
      isLastChunk: true,
      settled: true,
      exists: true,
      upserts: [endpoint, { ...endpoint, id: "orders-2" as InstanceId }],
      removals: [],
      digest: { count: 2, sum: 2n },
    });
    cli.press("SIGTERM");
    expect(await ended).toBe(0);
    const events = cli.out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([
      { event: "added", id: "orders-1", address: "127.0.0.1:8081", reason: "there already" },
      { event: "added", id: "orders-2" },
    ]);
  });
});
