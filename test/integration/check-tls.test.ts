import { readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { serverConfigFrom } from "../../src/apps/control-plane/config.ts";
import { runServer } from "../../src/apps/control-plane/main.ts";
import { type PairFiles, TestCa } from "../support/certificates.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { weirCheck } from "../support/weir-check.ts";

/** Faults of certificates and tokens, made for real. */
let folder: string;
let ca: TestCa;

beforeEach(() => {
  folder = scratchFolder();
  ca = new TestCa(folder);
  vi.stubEnv("WEIR_LOG_LEVEL", "silent");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
});

/** @returns its gRPC address. */
async function aServer(flags: Record<string, string> = {}): Promise<string> {
  const common = { listen: "127.0.0.1:0", admin: "127.0.0.1:0", settleAfter: "0s" };
  const { settings } = serverConfigFrom({ flags: { ...common, ...flags }, env: {} });
  const server = await runServer(settings, "0.1.0");
  onTestFinished(() => server.stop());
  return server.grpcAddress;
}

const tls = ({ cert, key }: PairFiles): Record<string, string> => ({ tlsCert: cert, tlsKey: key });

/** For certificates that a control plane would not start with. @returns its address. */
async function aTlsPort({ cert, key }: PairFiles): Promise<string> {
  const files = { cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ["h2"] };
  const server = createServer(files, (socket) => socket.on("error", () => undefined).end());
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  onTestFinished(() => {
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function tokenFile(name: string, ...tokens: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${tokens.join("\n")}\n`, { mode: 0o600 });
  return path;
}

const TOKEN = "a-token-that-is-long-enough-0123456789";
const OTHER = "another-token-that-is-long-enough-0123";

test("TLS with a good certificate and token is well, and says when a certificate is about to end", async () => {
  const file = tokenFile("token", TOKEN);
  const server = await aServer({ ...tls(ca.issue()), tokenFile: file });
  const well = await weirCheck("--server", server, "--ca", ca.path, "--token-file", file);
  expect(well.ids).not.toEqual(
    expect.arrayContaining([expect.stringMatching(/certificate|token|tls|admin|failed/)]),
  );
  const ending = await aServer(tls(ca.issue({ days: 5 })));
  const soon = await weirCheck("--server", ending, "--ca", ca.path);
  expect(soon.of("certificate-expires-soon")).toMatch(/expires in 4d|expires in 5d/);
});

test("plaintext to a server that speaks TLS, and the reverse", async () => {
  const secure = await aServer(tls(ca.issue()));
  const plain = await aServer();
  expect((await weirCheck("--server", secure)).of("control-plane-tls-expected")).toContain(
    `weir check --server ${secure} --ca ca.pem`,
  );
  const reverse = await weirCheck("--server", plain, "--ca", ca.path);
  expect(reverse.of("control-plane-tls-absent")).toContain("--tls-cert");
});

test("no token, and a wrong one", async () => {
  const server = await aServer({ tokenFile: tokenFile("good", TOKEN) });
  expect((await weirCheck("--server", server)).ids).toContain("token-missing");
  const wrong = tokenFile("wrong", OTHER);
  const run = await weirCheck("--server", server, "--token-file", wrong);
  expect(run.exit).toBe(1);
  expect(run.ids).toContain("token-rejected");
  expect(JSON.stringify(run.findings)).not.toContain(OTHER);
});

test("a certificate that has expired", async () => {
  const server = await aTlsPort(ca.issue({ days: -1 }));
  const run = await weirCheck("--server", server, "--ca", ca.path);
  expect(run.of("certificate-expired")).toMatch(/expired (1d|2\dh)[^ ]* ago/);
  expect(run.ids).not.toContain("control-plane-failed");
});

test("a certificate for another host, and one of another CA", async () => {
  const elsewhere = await aServer(tls(ca.issue({ names: "DNS:elsewhere.example" })));
  const host = await weirCheck("--server", elsewhere, "--ca", ca.path);
  expect(host.of("certificate-wrong-host")).toContain("DNS:elsewhere.example, not for 127.0.0.1");
  const named = ["--server-name", "elsewhere.example"];
  const right = await weirCheck("--server", elsewhere, "--ca", ca.path, ...named);
  expect(right.ids).not.toContain("certificate-wrong-host");
  const server = await aServer(tls(ca.issue()));
  const stranger = new TestCa(folder, "stranger");
  const run = await weirCheck("--server", server, "--ca", stranger.path);
  expect(run.of("certificate-unknown-ca")).toContain("test-ca");
});

test("a server that wants a client certificate", async () => {
  const server = await aServer({ ...tls(ca.issue()), tlsClientCa: ca.path });
  const run = await weirCheck("--server", server, "--ca", ca.path);
  expect(run.of("client-certificate-refused")).toContain("--cert client.pem");
  const { cert, key } = ca.issue({ commonName: "operator" });
  const mine = await weirCheck("--server", server, "--ca", ca.path, "--cert", cert, "--key", key);
  expect(mine.ids).not.toContain("client-certificate-refused");
  expect(mine.ids).toContain("no-agents");
});

test("a CA file that is not there", async () => {
  const server = await aServer(tls(ca.issue()));
  const run = await weirCheck("--server", server, "--ca", join(folder, "gone.pem"));
  expect(run.of("credentials-unusable")).toContain("gone.pem");
});
