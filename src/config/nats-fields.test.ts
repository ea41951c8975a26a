import { expect, test } from "vitest";
import { natsViolations } from "./nats-fields.ts";

const NOTHING = { cluster: "weir" };

function pathsOf(settings: object): string[] {
  return natsViolations({ ...NOTHING, ...settings }).map(({ path }) => path.join("."));
}

test("a replica alone says nothing of NATS", () => {
  expect(pathsOf({})).toEqual([]);
  expect(pathsOf({ natsCa: "ca.pem", policyCopies: 3 })).toEqual(["natsCa", "policyCopies"]);
});

test("one way to say who it is", () => {
  const nats = ["nats://127.0.0.1:4222"];
  expect(pathsOf({ nats, natsCreds: "a.creds" })).toEqual([]);
  expect(pathsOf({ nats, natsCreds: "a.creds", natsTokenFile: "token" })).toEqual([
    "natsTokenFile",
  ]);
});

test("pairs go together, and an empty list names nobody", () => {
  const nats = ["nats://127.0.0.1:4222"];
  expect(pathsOf({ nats, natsUser: "weir" })).toEqual(["natsUser"]);
  expect(pathsOf({ nats, natsUser: "weir", natsPasswordFile: "p" })).toEqual([]);
  expect(pathsOf({ nats, natsKey: "key.pem" })).toEqual(["natsKey"]);
  expect(pathsOf({ nats: [] })).toEqual(["nats"]);
});
