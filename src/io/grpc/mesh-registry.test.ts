import { expect, test } from "vitest";
import type { ChannelServices } from "../../ports/channel-balancing.ts";
import { MeshRegistry } from "./mesh-registry.ts";

const NO_SERVICES: ChannelServices = { open: () => undefined };

/** A registry in which these are open and those were closed. */
function registryOf(open: readonly string[], closed: readonly string[] = []): MeshRegistry {
  const registry = new MeshRegistry();
  for (const name of closed) registry.open(name, NO_SERVICES, false)();
  for (const name of open) registry.open(name, NO_SERVICES, false);
  return registry;
}

test.each([
  { open: ["eu"], asks: undefined, gets: "eu", because: "it is the only one" },
  { open: ["eu", "us"], asks: "us", gets: "us", because: "it is named" },
  { open: ["eu", "default"], asks: undefined, gets: "default", because: "it is the default" },
])("of $open a target that names $asks gets $gets: $because", ({ open, asks, gets }) => {
  expect(registryOf(open).find(asks)).toMatchObject({ name: gets, isOpen: true });
});

test.each([
  { open: [], closed: [], asks: undefined, says: /^no mesh is open .*Mesh.connect/, final: false },
  { open: [], closed: [], asks: "eu", says: /^no mesh is open/, final: false },
  { open: [], closed: ["eu"], asks: undefined, says: /^the mesh is closed/, final: true },
  { open: ["us"], closed: ["eu"], asks: "eu", says: /^the mesh "eu" is closed/, final: true },
  { open: ["us"], closed: ["eu"], asks: "as", says: /^no mesh "as" is open.*"us"/, final: false },
  { open: ["eu", "us"], closed: [], asks: undefined, says: /^several .*"eu", "us"/, final: true },
  {
    open: ["eu", "eu"],
    closed: [],
    asks: "eu",
    says: /^2 open meshes are called "eu"/,
    final: true,
  },
  { open: ["default", "default"], closed: [], asks: undefined, says: /^several/, final: true },
])("of $open, after $closed closed, $asks: $says", ({ open, closed, asks, says, final }) => {
  expect(registryOf(open, closed).find(asks)).toEqual({
    problem: expect.stringMatching(says),
    isFinal: final,
  });
});

test("opening and closing is told, a second close is not, and whoever stopped hears nothing", () => {
  const registry = new MeshRegistry();
  let count = 0;
  const stop = registry.subscribe(() => {
    count += 1;
  });
  const close = registry.open("eu", NO_SERVICES, false);
  const mesh = registry.find("eu");
  close();
  close();
  expect(count).toBe(2);
  expect(mesh).toMatchObject({ isOpen: false });
  stop();
  registry.open("eu", NO_SERVICES, false);
  expect(count).toBe(2);
});

test("a hundred closed names are remembered", () => {
  const names = Array.from({ length: 101 }, (_, i) => `m${i}`);
  const registry = registryOf([], names);
  expect(registry.find("m0")).toMatchObject({ isFinal: false });
  expect(registry.find("m1")).toMatchObject({ isFinal: true });
});
