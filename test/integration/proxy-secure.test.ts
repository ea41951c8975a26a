import { copyFileSync, readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { openListenerSecurity } from "../../src/io/listener-security.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import { TokenList } from "../../src/io/tls/token-list.ts";
import type { ListenerSecurity } from "../../src/ports/listener-security.ts";
import { TestCa } from "../support/certificates.ts";
import { quietLog } from "../support/control-plane.ts";
import { type Answer, ask, echo } from "../support/http-client.ts";
import { endpointAt, sendRaw, startProxy, startServer, type TestProxy } from "../support/proxy.ts";
import { scratchFolder } from "../support/scratch-folder.ts";

const TOKEN = "token-0123456789abcdef";
const TOKENS = new TokenList([{ name: "app", token: TOKEN }]);

/** A proxy to one endpoint that answers with what it saw. */
async function secureProxy(security: ListenerSecurity): Promise<TestProxy> {
  const backend = await startServer(echo);
  onTestFinished(() => backend.stop());
  const proxy = await startProxy([endpointAt("orders-1", backend.port)], {
    listener: { security },
  });
  onTestFinished(() => proxy.stop());
  return proxy;
}

function askTls({ port }: TestProxy, options: RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const hear = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(chunks).toString() });
      });
    };
    httpsRequest(
      // Node would take the name in the Host header for the server's.
      {
        host: "127.0.0.1",
        servername: "localhost",
        port,
        headers: { host: "orders.weir" },
        agent: false,
        ...options,
      },
      hear,
    )
      .on("error", reject)
      .end(options.method === "POST" ? "body" : undefined);
  });
}

/** Bytes over TLS, and what comes back until the other side closes. */
function sendTls({ port }: TestProxy, ca: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca }, () => socket.write(bytes));
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      received += text;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}

function withTls(wantsClients = false) {
  const folder = scratchFolder();
  const ca = new TestCa(folder);
  const live = { cert: join(folder, "live.crt"), key: join(folder, "live.key") };
  const first = ca.issue();
  copyFileSync(first.cert, live.cert);
  copyFileSync(first.key, live.key);
  const tls = { ...live, clientCa: wantsClients ? ca.path : undefined };
  const security = openListenerSecurity({ tls }, systemClock, quietLog);
  onTestFinished(() => security.stop());
  return { ca, live, security };
}

describe("a proxy port with TLS", () => {
  test("relays requests, and says https to the endpoint", async () => {
    const { ca, security } = withTls();
    const proxy = await secureProxy(security);
    const answer = await askTls(proxy, { ca: ca.pem, method: "POST", path: "/x" });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({
      method: "POST",
      url: "/x",
      headers: { "x-forwarded-proto": "https" },
    });
  });

  test("stays as strict as without", async () => {
    const { ca, security } = withTls();
    const proxy = await secureProxy(security);
    const smuggled =
      "POST / HTTP/1.1\r\nHost: orders.weir\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    expect(await sendTls(proxy, ca.pem, smuggled)).toMatch(/^HTTP\/1\.1 400 /);
    const twoHosts = "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n";
    expect(await sendTls(proxy, ca.pem, twoHosts)).toContain("more than one Host header");
  });

  test("lets nobody in who speaks plaintext, and serves on", async () => {
    const { ca, security } = withTls();
    const proxy = await secureProxy(security);
    await sendRaw(proxy.port, "GET / HTTP/1.1\r\nHost: orders.weir\r\n\r\n").catch(() => "");
    expect((await askTls(proxy, { ca: ca.pem })).status).toBe(200);
  });

  test("asks for a client certificate when told to", async () => {
    const { ca, security } = withTls(true);
    const proxy = await secureProxy(security);
    await expect(askTls(proxy, { ca: ca.pem })).rejects.toThrow();
    const { cert, key } = ca.issue();
    const own = { cert: readFileSync(cert), key: readFileSync(key) };
    expect((await askTls(proxy, { ca: ca.pem, ...own })).status).toBe(200);
  });

  test("gives new connections a replaced certificate, and leaves kept ones alone", async () => {
    const { ca, live, security } = withTls();
    const proxy = await secureProxy(security);
    const serials: string[] = [];
    const look = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const socket = connect({ host: "127.0.0.1", port: proxy.port, ca: ca.pem }, () => {
          serials.push(socket.getPeerCertificate().serialNumber);
          socket.destroy();
          resolve();
        }).on("error", reject);
      });
    await look();
    const kept = connect({ host: "127.0.0.1", port: proxy.port, ca: ca.pem });
    const next = ca.issue();
    copyFileSync(next.cert, live.cert);
    copyFileSync(next.key, live.key);
    security.reload();
    await look();
    expect(serials[1]).not.toBe(serials[0]);
    const answered = new Promise<string>((resolve) => kept.once("data", (b) => resolve(String(b))));
    kept.write("GET / HTTP/1.1\r\nHost: orders.weir\r\nConnection: close\r\n\r\n");
    expect(await answered).toMatch(/^HTTP\/1\.1 200 /);
  });
});

describe("a proxy port with tokens", () => {
  const basic = (password: string) => `Basic ${Buffer.from(`weir:${password}`).toString("base64")}`;

  test.each([
    ["Bearer", `Bearer ${TOKEN}`],
    ["the password of Basic, which is what http_proxy can say", basic(TOKEN)],
  ])("takes one as %s, and keeps it from the endpoint", async (_how, value) => {
    const proxy = await secureProxy({ tokens: TOKENS });
    const answer = await ask(proxy, { headers: { "proxy-authorization": value } });
    expect(answer.status).toBe(200);
    expect(answer.body).not.toContain("proxy-authorization");
    expect(answer.body).not.toContain(TOKEN);
  });

  test.each([
    ["none", {}],
    ["a wrong one", { "proxy-authorization": "Bearer wrong-0123456789abcdef" }],
    ["a wrong password", { "proxy-authorization": basic("wrong-0123456789abcdef") }],
    ["one that is for the endpoint", { authorization: `Bearer ${TOKEN}` }],
  ])("answers who shows %s with 407 and what to do", async (_what, headers) => {
    const proxy = await secureProxy({ tokens: TOKENS });
    const answer = await ask(proxy, { headers });
    expect(answer.status).toBe(407);
    expect(answer.headers["proxy-authenticate"]).toContain("Bearer");
    expect(answer.body).toContain("send Proxy-Authorization: Bearer TOKEN");
  });

  test("upgrades only who has one", async () => {
    const proxy = await secureProxy({ tokens: TOKENS });
    const upgrade = "GET / HTTP/1.1\r\nHost: orders.weir\r\nConnection: Upgrade\r\nUpgrade: x\r\n";
    expect(await sendRaw(proxy.port, `${upgrade}\r\n`)).toMatch(/^HTTP\/1\.1 407 /);
    const shown = `${upgrade}Proxy-Authorization: Bearer ${TOKEN}\r\n\r\n`;
    expect(await sendRaw(proxy.port, shown)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("an endpoint's own Authorization passes", async () => {
    const proxy = await secureProxy({ tokens: TOKENS });
    const headers = {
      "proxy-authorization": `Bearer ${TOKEN}`,
      authorization: "Bearer for-orders",
    };
    expect((await ask(proxy, { headers })).body).toContain("for-orders");
  });
});
