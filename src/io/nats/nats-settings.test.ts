import { expect, test } from "vitest";
import { parseServers } from "./nats-settings.ts";

test.each([
  ["nats://bus", { url: "nats://bus:4222", host: "bus", port: 4222, isTls: false }],
  ["bus:1234", { url: "nats://bus:1234", host: "bus", port: 1234, isTls: false }],
  ["tls://[::1]:7", { url: "tls://[::1]:7", host: "::1", port: 7, isTls: true }],
  ["nats://me:a%2Fb@bus", { url: "nats://bus:4222", user: "me", password: "a/b" }],
  ["nats://t0ken@bus/", { url: "nats://bus:4222", token: "t0ken", user: undefined }],
])("%s", (text, server) => {
  expect(parseServers({ servers: [text] })).toEqual([expect.objectContaining(server)]);
});

test.each([
  ["http://bus", /"http:\/\/bus" begins with http:\/\/: only nats:\/\/ and tls:\/\/ are known/],
  ["ws://me:secret@bus", /the URL of a NATS server begins with ws:\/\//],
  ["nats://", /is no address: write nats:\/\/HOST:PORT/],
  ["nats://bus:99999", /is no address/],
  ["", /is no address/],
  ["nats://bus/path", /has something behind the port/],
  ["nats://me:%zz@bus", /holds a stray % before the @/],
])("%j is refused without its secrets", (text, message) => {
  expect(() => parseServers({ servers: [text] })).toThrow(message);
  expect(() => parseServers({ servers: [text] })).not.toThrow(/secret|%zz@/);
});

test.each([
  [{ servers: [] }, /no NATS server is named/],
  [{ servers: ["bus"], user: "me" }, /belong together/],
  [{ servers: ["bus"], passwordFile: "p" }, /belong together/],
  [{ servers: ["bus"], credsFile: "c", tokenFile: "t" }, /credsFile and tokenFile are given/],
  [{ servers: ["nats://me:x@bus"], nkeyFile: "n" }, /holds a user and nkeyFile is given/],
])("settings that contradict each other are refused: %j", (settings, message) => {
  expect(() => parseServers(settings)).toThrow(message);
});
