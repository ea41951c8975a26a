import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { nkeys } from "nats";
import { describe, expect, test } from "vitest";
import type { NatsBusOptions } from "../../src/io/nats/nats-bus.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { ClientCertificateFiles } from "../../src/io/tls/client-certificates.ts";
import { TestCa } from "../support/certificates.ts";
import { FakeLog } from "../support/fake-streams.ts";
import { natsBus, natsServer } from "../support/nats-bus.ts";
import { findNatsServer } from "../support/nats-server.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Only ends a wait for what never comes. */
const LIMIT_MS = 20_000;

const bytes = (content: string): Uint8Array => Buffer.from(content);

function fileOf(content: string): string {
  const path = join(scratchFolder(), "secret");
  writeFileSync(path, content);
  return path;
}

/** One user, `us`, who may do all but what `forbidden` says, and `root`. */
function users(forbidden: string): string {
  return `authorization { users: [
    { user: "us", password: "pw", permissions: { ${forbidden} } }
    { user: "root", password: "pw" }
  ] }`;
}

const NOTHING_FORBIDDEN = `publish: { allow: [">"] }`;

describe.skipIf(findNatsServer() === undefined)("the bus and who may do what", () => {
  test("a wrong password is told without it, and a repaired file is used without a restart", async () => {
    const server = await natsServer({ config: users(NOTHING_FORBIDDEN) });
    const passwordFile = fileOf("w0rd-of-secrecy\n");
    const { bus, log, changes, problem, connected } = natsBus({
      servers: [server.url],
      user: "us",
      passwordFile,
    });
    const change = await problem(/refused us: check user, password/);
    expect(change).toMatchObject({ kind: "problem", problem: { kind: "auth" } });
    writeFileSync(passwordFile, "pw");
    await connected();
    expect(JSON.stringify([changes, log.lines, bus.state])).not.toContain("w0rd-of-secrecy");
  });

  test("user and password may stand in the URL, and are nowhere to be seen", async () => {
    const server = await natsServer({
      config: `authorization { user: "us", password: "s3cret/&" }`,
    });
    const url = `nats://us:s3cret%2F%26@127.0.0.1:${server.port}`;
    const { bus, log, changes, connected } = natsBus({ servers: [url] });
    await connected();
    await server.kill();
    await waitUntil("it is noticed", LIMIT_MS, () => changes.length >= 2);
    expect(bus.state.server).toBe(server.url);
    expect(JSON.stringify([changes, log.lines, bus.state])).not.toMatch(/s3cret|us:/);
  });

  test("a token from a file, or in the URL", async () => {
    const server = await natsServer({ config: `authorization { token: "t0ken" }` });
    const byFile = natsBus({ servers: [server.url], tokenFile: fileOf("t0ken\n") });
    const byUrl = natsBus({ servers: [`nats://t0ken@127.0.0.1:${server.port}`] });
    await Promise.all([byFile.connected(), byUrl.connected()]);
    expect(byUrl.bus.state.server).toBe(server.url);
  });

  test("an nkey from a file; one that is none is told", async () => {
    const key = nkeys.createUser();
    const server = await natsServer({
      config: `authorization { users: [ { nkey: "${key.getPublicKey()}" } ] }`,
    });
    const nkeyFile = fileOf("SUABROKEN");
    const { problem, connected } = natsBus({ servers: [server.url], nkeyFile });
    await problem(/holds no seed of an nkey: check the file/);
    writeFileSync(nkeyFile, `${Buffer.from(key.getSeed()).toString()}\n`);
    await connected();
  });

  test("a missing file of secrets is told", async () => {
    const { problem } = natsBus({ servers: ["127.0.0.1:1"], credsFile: "/nowhere/weir.creds" });
    const change = await problem(/cannot read \/nowhere\/weir.creds \(ENOENT\): check the path/);
    expect(change).toMatchObject({ problem: { kind: "auth" } });
  });

  test("a subject that may not be published is told with the fix, and tried again", async () => {
    const server = await natsServer({ config: users(`publish: { deny: ["weir.test.secret.>"] }`) });
    const auth = { user: "us", passwordFile: fileOf("pw") };
    const { bus, problem, connected } = natsBus({ servers: [server.url], ...auth });
    await connected();
    // It cannot be known before the server says so.
    expect(bus.publish("weir.test.secret.x", bytes("1"))).toBe(true);
    const change = await problem(/forbids us to publish to weir\.test\.secret\.x: add it to/);
    expect(change).toMatchObject({ kind: "problem", problem: { kind: "permission" } });
    expect(bus.state.denied).toEqual([
      {
        operation: "publish",
        subject: "weir.test.secret.x",
        fix: expect.stringContaining(`permissions { publish: { allow: ["weir.test.>"] } }`),
      },
    ]);
    expect(bus.publish("weir.test.secret.x", bytes("2"))).toBe(false);
    expect(bus.publish("weir.test.open", bytes("3"))).toBe(true);
    const asked = bus.request("weir.test.secret.x", bytes(""), LIMIT_MS);
    await expect(asked).rejects.toMatchObject({ reason: "denied" });
    expect(bus.state).toMatchObject({ isConnected: true, reconnectCount: 0 });
    await server.configure(users(NOTHING_FORBIDDEN));
    server.signal("SIGHUP");
    await waitUntil("it is permitted", LIMIT_MS, () => {
      return bus.publish("weir.test.secret.x", bytes("4")) && bus.state.denied.length === 0;
    });
  });

  test("a pattern that may not be listened to is told, and subscribed to once it may", async () => {
    const server = await natsServer({ config: users(`subscribe: { deny: ["weir.test.v1.>"] }`) });
    const passwordFile = fileOf("pw");
    const us = natsBus({ servers: [server.url], user: "us", passwordFile });
    const root = natsBus({ servers: [server.url], user: "root", passwordFile });
    await Promise.all([us.connected(), root.connected()]);
    const got: string[] = [];
    us.bus.subscribe("weir.test.v1.*", ({ subject }) => got.push(subject));
    await us.problem(/forbids us to subscribe to weir\.test\.v1\.\*: add it to the user's/);
    expect(us.bus.state.denied).toMatchObject([
      { operation: "subscribe", subject: "weir.test.v1.*" },
    ]);
    await server.configure(users(NOTHING_FORBIDDEN));
    server.signal("SIGHUP");
    await waitUntil("it is heard", LIMIT_MS, () => {
      root.bus.publish("weir.test.v1.x", bytes(""));
      return got.length > 0;
    });
    await waitUntil("nothing is denied", LIMIT_MS, () => us.bus.state.denied.length === 0);
  });

  test("requests fail at once when replies may not be received", async () => {
    const server = await natsServer({
      config: users(`subscribe: { deny: ["weir.test.inbox.>"] }`),
    });
    const { bus, problem, connected } = natsBus({
      servers: [server.url],
      user: "us",
      passwordFile: fileOf("pw"),
    });
    await connected();
    const asked = bus.request("weir.test.x", bytes(""), 600_000);
    await expect(asked).rejects.toMatchObject({ reason: "denied" });
    await problem(/forbids us to subscribe to weir\.test\.inbox\./);
  });
});

describe.skipIf(findNatsServer() === undefined)("the bus over TLS", () => {
  const ca = (): TestCa => new TestCa(scratchFolder());

  function tls(files: { cert: string; key: string }, more = ""): string {
    return `tls { cert_file: "${files.cert}", key_file: "${files.key}", ${more} }`;
  }

  function certificates(paths: ConstructorParameters<typeof ClientCertificateFiles>[0]): {
    certificates: NatsBusOptions["certificates"];
  } {
    return { certificates: new ClientCertificateFiles(paths, systemClock, new FakeLog()) };
  }

  test("a server that is named by address is compared with that address", async () => {
    const authority = ca();
    const server = await natsServer({ config: tls(authority.issue({ names: "IP:127.0.0.1" })) });
    const { connected } = natsBus({
      servers: [server.url],
      ...certificates({ ca: authority.path }),
    });
    await connected();
  });

  test("a certificate of another name, an unknown CA and an expired one are told apart", async () => {
    const authority = ca();
    const options = certificates({ ca: authority.path });
    const named = await natsServer({ config: tls(authority.issue({ names: "DNS:localhost" })) });
    const wrongName = natsBus({ servers: [named.url], ...options });
    const problem = await wrongName.problem(/does not hold the name that we call it by/);
    expect(problem).toMatchObject({ kind: "problem", problem: { kind: "tls" } });

    const rightName = natsBus({ servers: [`nats://localhost:${named.port}`], ...options });
    await rightName.connected();

    for (const scheme of ["tls", "nats"]) {
      const unknown = natsBus({ servers: [`${scheme}://127.0.0.1:${named.port}`] });
      await unknown.problem(/we do not know the CA of the server's certificate: name it/);
    }

    const expired = await natsServer({ config: tls(authority.issue({ days: -1 })) });
    const late = natsBus({ servers: [expired.url], ...options });
    await late.problem(/certificate has expired: renew it/);
    expect(late.bus.state).toMatchObject({ isConnected: false, reconnectCount: 0 });
  });

  test("a server that wants a certificate gets ours, and says so when there is none", async () => {
    const authority = ca();
    const config = tls(authority.issue(), `ca_file: "${authority.path}", verify: true`);
    const server = await natsServer({ config });
    const bare = natsBus({ servers: [server.url], ...certificates({ ca: authority.path }) });
    const problem = await bare.problem(/for the lack of one \(.*\): give a certificate and key/);
    expect(problem).toMatchObject({ problem: { kind: "tls" } });
    const shown = natsBus({
      servers: [server.url],
      ...certificates({ ca: authority.path, ...authority.issue({ commonName: "replica" }) }),
    });
    await shown.connected();
  });

  test("a server without TLS is refused when TLS is wanted", async () => {
    const server = await natsServer();
    const { problem } = natsBus({ servers: [`tls://127.0.0.1:${server.port}`] });
    await problem(/we want TLS and the server offers none/);
  });
});
