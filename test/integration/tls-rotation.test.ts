import { X509Certificate } from "node:crypto";
import { copyFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { controlPlaneAccess } from "../../src/io/control-plane-access.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import { startAdmin } from "../../src/io/http/admin-listener.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { StreamEnd } from "../../src/ports/stream-end.ts";
import { type PairFiles, TestCa } from "../support/certificates.ts";
import { quietLog } from "../support/control-plane.ts";
import { at } from "../support/fake-streams.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { aSecureServer, type SecureServer } from "../support/secure-server.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Far above what a look every second needs. */
const NOTICED_WITHIN_MS = 10_000;

/** New connections at a time: enough that some are in every moment of a swap. */
const PARALLEL = 4;

let ca: TestCa;
let live: PairFiles;

beforeEach(() => {
  const folder = scratchFolder();
  ca = new TestCa(folder);
  live = { cert: join(folder, "live.crt"), key: join(folder, "live.key") };
  put(ca.issue());
});

function put({ cert, key }: PairFiles): void {
  copyFileSync(cert, live.cert);
  copyFileSync(key, live.key);
}

/** A connection of its own. @returns the serial number that the server showed. */
function newConnection(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const [host = "", port = ""] = address.split(":");
    const ALPNProtocols = ["h2", "http/1.1"];
    const socket = connect({ host, port: Number(port), ca: ca.pem, ALPNProtocols }, () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(new X509Certificate(raw).serialNumber);
    });
    socket.once("error", reject);
  });
}

/** Connects without a pause until told to stop. */
function connecting(address: string) {
  let isStopped = false;
  const failures: unknown[] = [];
  let count = 0;
  const loop = async (): Promise<void> => {
    while (!isStopped) {
      await newConnection(address).catch((error: unknown) => failures.push(error));
      count++;
    }
  };
  const loops = Array.from({ length: PARALLEL }, loop);
  onTestFinished(() => {
    isStopped = true;
  });
  return {
    failures,
    count: () => count,
    async stop() {
      isStopped = true;
      await Promise.all(loops);
    },
  };
}

/** A Watch stream that stands. */
async function openStream({ address }: SecureServer) {
  const ends: StreamEnd[] = [];
  const access = controlPlaneAccess({ ca: ca.path }, systemClock, quietLog);
  await new Promise<void>((resolve) => {
    const hello = {
      agentId: "agent-1",
      isDataPlane: true,
      locality: NO_LOCALITY,
      softwareVersion: "1",
    };
    const stream = grpcWatchSource(access).open(at(address), hello, {
      welcome: () => resolve(),
      update: () => undefined,
      heartbeat: () => undefined,
      drain: () => undefined,
      end: (end) => ends.push(end),
    });
    onTestFinished(() => stream.close());
    stream.subscribe(true, []);
  });
  return { ends };
}

test("a swap, half done for a while, refuses none of hundreds of connections and ends no stream", async () => {
  const server = await aSecureServer({ tls: live });
  const stream = await openStream(server);
  const clients = connecting(server.address);
  await waitUntil("some connections before", NOTICED_WITHIN_MS, () => clients.count() > 50);

  const next = ca.issue();
  const before = await newConnection(server.address);
  copyFileSync(next.cert, live.cert);
  // The certificate is there and its key is not: looks that see this keep the pair that was good.
  expect(() => server.security.reload()).toThrow("does not belong to the certificate");
  expect(await newConnection(server.address)).toBe(before);
  rmSync(live.key);
  expect(() => server.security.reload()).toThrow("there is no such file");
  const since = clients.count();
  await waitUntil("connections in between", NOTICED_WITHIN_MS, () => clients.count() > since + 100);
  copyFileSync(next.key, live.key);
  const after = await waitUntil("the new certificate", NOTICED_WITHIN_MS, async () => {
    const serial = await newConnection(server.address);
    return serial !== before && serial;
  });
  const until = clients.count();
  await waitUntil("connections after", NOTICED_WITHIN_MS, () => clients.count() > until + 50);
  await clients.stop();

  expect(clients.failures).toEqual([]);
  expect(clients.count()).toBeGreaterThan(200);
  expect(stream.ends).toEqual([]);
  expect(after).toBe(await newConnection(server.address));
});

test("an HTTP port serves the new certificate too, and never a broken one", async () => {
  const server = await aSecureServer({ tls: live });
  const pages = { "/healthz": () => ({ status: 200, body: "ok\n" }) };
  const admin = await startAdmin("127.0.0.1:0", pages, { security: server.security });
  onTestFinished(() => admin.stop());
  const clients = connecting(admin.address);
  const before = await newConnection(admin.address);
  writeFileSync(live.cert, "half a file");
  expect(() => server.security.reload()).toThrow("it is not PEM");
  expect(await newConnection(admin.address)).toBe(before);
  put(ca.issue());
  server.security.reload();
  expect(await newConnection(admin.address)).not.toBe(before);
  await clients.stop();
  expect(clients.failures).toEqual([]);
});

test("a CA that is rolled over lets clients of both in while both are in the bundle", async () => {
  const folder = scratchFolder();
  const bundle = join(folder, "clients.crt");
  const next = new TestCa(folder, "next");
  const list = async (client: PairFiles): Promise<string> => {
    const access = controlPlaneAccess({ ca: ca.path, ...client }, systemClock, quietLog);
    const api = connectApi(server.address, access);
    return await api
      .listServices("")
      .then(
        () => "in",
        () => "out",
      )
      .finally(() => api.close());
  };
  const [oldClient, newClient] = [ca.issue(), next.issue()];
  writeFileSync(bundle, ca.pem);
  const server = await aSecureServer({ tls: { ...live, clientCa: bundle } });
  expect([await list(oldClient), await list(newClient)]).toEqual(["in", "out"]);
  writeFileSync(bundle, ca.pem + next.pem);
  server.security.reload();
  expect([await list(oldClient), await list(newClient)]).toEqual(["in", "in"]);
  writeFileSync(bundle, next.pem);
  server.security.reload();
  expect([await list(oldClient), await list(newClient)]).toEqual(["out", "in"]);
});
