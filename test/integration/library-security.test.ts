import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Mesh } from "../../src/apps/library/main.ts";
import { TestCa } from "../support/certificates.ts";
import { quietLog } from "../support/control-plane.ts";
import { aControlPlaneServer, aMesh, aServer } from "../support/mesh.ts";
import { scratchFolder } from "../support/scratch-folder.ts";

const TOKEN = "a-token-of-a-test-that-is-long-enough";

/** A control plane that wants a client certificate and a token, and what gets in. */
async function guarded({ days = 30, names = "IP:127.0.0.1" } = {}) {
  const folder = scratchFolder();
  const ca = new TestCa(folder);
  const server = ca.issue({ days: 30, names });
  const client = ca.issue({ commonName: "program", days });
  const tokenFile = join(folder, "tokens");
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const { address } = await aControlPlaneServer({
    tlsCert: server.cert,
    tlsKey: server.key,
    tlsClientCa: ca.path,
    tokenFile,
  });
  return { address, folder, ca, tls: { ca: ca.path, ...client }, token: TOKEN };
}

test("with certificate and token a program registers, is drained and sends requests", async () => {
  const { address, tls, token } = await guarded();
  const { port } = await aServer((_, response) => response.end("served"));
  const mesh = await aMesh(address, { tls, token });
  const registration = await mesh.register({ service: "orders", port });
  expect(await (await mesh.fetch("http://orders.weir/")).text()).toBe("served");
  expect(await registration.close()).toMatchObject({ agentCount: 1 });
});

test.each([
  {
    what: "a wrong token",
    change: { token: `${TOKEN}-not` },
    code: "UNAUTHENTICATED",
    says: "token",
  },
  { what: "no token", change: {}, code: "UNAUTHENTICATED", says: "token" },
])("$what: refused at once, with what to do", async ({ change, code, says }) => {
  const { address, tls } = await guarded();
  const options: object = { controlPlane: [address], tls, log: quietLog, ...change };
  await expect(Mesh.connect(options)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(says),
  });
});

test("another CA, a name that is not the server's, and plaintext: why, in words", async () => {
  const { address, tls, token } = await guarded({ names: "DNS:elsewhere" });
  const stranger = new TestCa(scratchFolder(), "stranger");
  const cases = [
    { tls: { ...tls, ca: stranger.path }, says: /CA|signed|certificate/ },
    { tls, says: /elsewhere|name/ },
    { tls: {}, says: /TLS/ },
  ];
  for (const { tls: with_, says } of cases) {
    const options = {
      controlPlane: [address],
      tls: with_,
      token,
      timeoutMs: 1_500,
      log: quietLog,
    };
    const error = await Mesh.connect({ ...options, insecure: true }).catch(
      (cause: unknown) => cause,
    );
    expect(error).toMatchObject({ code: "UNREACHABLE", message: expect.stringMatching(says) });
  }
  const mesh = await aMesh(address, { tls: { ...tls, serverName: "elsewhere" }, token });
  expect(mesh.isConnected).toBe(true);
});

test("files that cannot be used are named before anything is tried", async () => {
  const { address, ca, tls, folder } = await guarded();
  const other = ca.issue();
  const missing = join(folder, "missing.pem");
  const expired = ca.issue({ days: -1 });
  const cases = [
    { tls: { ...tls, ca: missing }, says: "missing.pem" },
    { tls: { ...tls, key: other.key }, says: "does not belong" },
    { tls: { ca: tls.ca, ...expired }, says: "expired" },
    { tls: { ca: tls.ca, cert: tls.cert }, says: "key" },
  ];
  for (const { tls: with_, says } of cases) {
    await expect(
      Mesh.connect({ controlPlane: [address], tls: with_, log: quietLog }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining(says) });
  }
});
