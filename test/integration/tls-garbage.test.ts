import { randomBytes } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { connect } from "node:tls";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { startAdmin } from "../../src/io/http/admin-listener.ts";
import { TestCa } from "../support/certificates.ts";
import { scratchFolder } from "../support/scratch-folder.ts";
import { aSecureServer } from "../support/secure-server.ts";

/** What strangers send to a TLS port ends their connection and nothing else. */
let ca: TestCa;
let addresses: readonly string[];

beforeEach(async () => {
  ca = new TestCa(scratchFolder());
  const { address, security } = await aSecureServer({ tls: ca.issue() });
  const admin = await startAdmin("127.0.0.1:0", {}, { security });
  onTestFinished(() => admin.stop());
  addresses = [address, admin.address];
});

const portOf = (address: string): number => Number(address.split(":")[1]);

/** Resolves when the other side ends the connection. */
function send(address: string, bytes: Buffer | string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectTcp(portOf(address), "127.0.0.1", () => socket.write(bytes));
    socket.resume();
    socket.on("error", () => undefined);
    socket.on("close", () => resolve());
  });
}

function handshake(address: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const ALPNProtocols = ["h2", "http/1.1"];
    const options = { host: "127.0.0.1", port: portOf(address), ca: ca.pem, ALPNProtocols };
    const socket = connect(options, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", reject);
  });
}

test.each([
  ["a plaintext HTTP/1.1 request", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["a plaintext HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"],
  ["random bytes", randomBytes(4_096)],
  ["a record of a handshake that is none", Buffer.from([0x16, 0x03, 0x01, 0x00, 0x04, 9, 9, 9, 9])],
])("%s", async (_what, bytes) => {
  for (const address of addresses) {
    await send(address, bytes);
    expect(await handshake(address)).toBe(true);
  }
});
