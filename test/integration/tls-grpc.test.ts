import { readFileSync } from "node:fs";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { NO_LOCALITY } from "../../src/core/model/instance.ts";
import { controlPlaneAccess } from "../../src/io/control-plane-access.ts";
import { connectApi } from "../../src/io/grpc/api-client.ts";
import { grpcAttachSource } from "../../src/io/grpc/attach-client.ts";
import { grpcWatchSource } from "../../src/io/grpc/watch-client.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { ControlPlaneAccessSettings } from "../../src/ports/control-plane-access.ts";
import type { StreamEnd } from "../../src/ports/stream-end.ts";
import { type PairFiles, TestCa } from "../support/certificates.ts";
import { quietLog } from "../support/control-plane.ts";
import { at } from "../support/fake-streams.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { aSecureServer, type SecureServer } from "../support/secure-server.ts";

let folder: string;
let ca: TestCa;

beforeEach(() => {
  folder = scratchFolder();
  ca = new TestCa(folder);
});

const accessOf = (settings: ControlPlaneAccessSettings) =>
  controlPlaneAccess(settings, systemClock, quietLog);

/** Lists the services: works when the connection does. */
async function list(address: string, settings: ControlPlaneAccessSettings): Promise<number> {
  const api = connectApi(address, accessOf(settings));
  try {
    return (await api.listServices("")).length;
  } finally {
    api.close();
  }
}

const serve = (pair: PairFiles, clientCa?: string): Promise<SecureServer> =>
  aSecureServer({ tls: { ...pair, clientCa } });

/** How a Watch stream that cannot be opened ends. */
function watchEnd(address: string, settings: ControlPlaneAccessSettings): Promise<StreamEnd> {
  return new Promise((resolve) => {
    const hello = {
      agentId: "agent-1",
      isDataPlane: true,
      locality: NO_LOCALITY,
      softwareVersion: "1",
    };
    const stream = grpcWatchSource(accessOf(settings)).open(at(address), hello, {
      welcome: () => undefined,
      update: () => undefined,
      heartbeat: () => undefined,
      drain: () => undefined,
      end: resolve,
    });
    onTestFinished(() => stream.close());
  });
}

describe("a server's certificate", () => {
  test("that its CA signed is believed, by address and by name", async () => {
    const { address } = await serve(ca.issue());
    expect(await list(address, { ca: ca.path })).toBe(0);
    const byName = address.replace("127.0.0.1", "localhost");
    expect(await list(byName, { ca: ca.path })).toBe(0);
  });

  test("of another CA is not, and the message names the file that was trusted", async () => {
    const { address } = await serve(new TestCa(folder, "other").issue());
    await expect(list(address, { ca: ca.path })).rejects.toThrow(
      `the certificate of ${address} is not signed by ${ca.path}`,
    );
  });

  test("for another host is not, unless its name is expected", async () => {
    const { address } = await serve(ca.issue({ names: "DNS:weir.example" }));
    await expect(list(address, { ca: ca.path })).rejects.toThrow(
      'is not for "127.0.0.1" but for DNS:weir.example; connect by one of its names, or say which one to expect with --server-name',
    );
    expect(await list(address, { ca: ca.path, serverName: "weir.example" })).toBe(0);
  });

  test("that expired starts no server", async () => {
    await expect(serve(ca.issue({ days: -1 }))).rejects.toThrow(
      /\.crt: .* expired on .*; renew it/,
    );
  });

  test("that expired while it was in use is not believed, and the message says since when", async () => {
    const expired = ca.issue({ days: -1 });
    const server = createSecureServer({
      cert: readFileSync(expired.cert),
      key: readFileSync(expired.key),
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await expect(list(`127.0.0.1:${port}`, { ca: ca.path })).rejects.toThrow(
      /has expired \(.* GMT\); renew it on the server/,
    );
  });

  test("is asked for by no plaintext client, who is told so", async () => {
    const { address } = await serve(ca.issue());
    await expect(list(address, {})).rejects.toThrow(
      `${address} speaks TLS and this client plaintext; name the CA`,
    );
    expect((await watchEnd(address, { program: "agent" })).message).toContain(
      "speaks TLS and this client plaintext; name the CA that signed its certificate with --control-plane-tls-ca FILE",
    );
  });

  test("is not there on a plaintext port, and the message says so", async () => {
    const { address } = await aSecureServer({});
    const message = `${address} speaks plaintext and this client TLS`;
    await expect(list(address, { ca: ca.path })).rejects.toThrow(message);
    expect((await watchEnd(address, { ca: ca.path })).message).toContain(message);
  });

  test("is no matter where nobody listens", async () => {
    const { address, stop } = await serve(ca.issue());
    await stop();
    await expect(list(address, { ca: ca.path })).rejects.toThrow("connection refused");
  });
});

describe("client certificates", () => {
  test("name who calls: by URI, else DNS name, else common name", async () => {
    const server = await serve(ca.issue(), ca.path);
    const names = ["DNS:x.example,URI:spiffe://weir/a", "DNS:b.example", "IP:127.0.0.1"];
    for (const [i, san] of names.entries()) {
      const client = ca.issue({ commonName: `client-${i}`, names: san });
      await list(server.address, { ca: ca.path, ...client });
    }
    expect(server.principals.map(({ name }) => name)).toEqual([
      "spiffe://weir/a",
      "b.example",
      "client-2",
    ]);
  });

  test("are needed where the server asks for them", async () => {
    const { address, principals } = await serve(ca.issue(), ca.path);
    await expect(list(address, { ca: ca.path })).rejects.toThrow(
      `${address} asks for a client certificate; give one with --cert FILE and --key FILE`,
    );
    expect((await watchEnd(address, { ca: ca.path })).message).toContain("--cert FILE");
    expect(principals).toEqual([]);
  });

  test("of another CA are refused, and the message says what to compare", async () => {
    const { address, principals } = await serve(ca.issue(), ca.path);
    const foreign = new TestCa(folder, "other").issue();
    await expect(list(address, { ca: ca.path, ...foreign })).rejects.toThrow(
      "does not accept this client's certificate",
    );
    expect(principals).toEqual([]);
  });

  test("are not needed where the server does not ask", async () => {
    const { address } = await serve(ca.issue());
    expect(await list(address, { ca: ca.path, ...ca.issue() })).toBe(0);
  });

  test("need their key", () => {
    const { cert } = ca.issue();
    expect(() => accessOf({ ca: ca.path, cert })).toThrow("give both --cert FILE and --key FILE");
  });
});

test("an attach session gets in by certificate, and a replaced one is used by the next session", async () => {
  const server = await serve(ca.issue(), ca.path);
  const source = grpcAttachSource(accessOf({ ca: ca.path, ...ca.issue() }));
  const welcome = await new Promise((resolve, reject) => {
    const hello = { clientId: "agent-1", softwareVersion: "1" };
    const session = source.open(at(server.address), hello, {
      welcome: resolve,
      registered: () => undefined,
      deregistered: () => undefined,
      beat: () => undefined,
      notice: () => undefined,
      drain: () => undefined,
      end: reject,
    });
    onTestFinished(() => session.close());
  });
  expect(welcome).toMatchObject({ replicaId: "cp" });
});
