import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { ChannelMesh } from "../../../test/support/channel-mesh.ts";
import { endpoint } from "../../../test/support/endpoint-updates.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { ChannelService } from "../../ports/channel-balancing.ts";
import { MeshConfig } from "./mesh-plan.ts";
import { MeshRegistry } from "./mesh-registry.ts";
import { meshResolverClass } from "./mesh-resolver.ts";

/** A resolver of `weir:orders`, what it told its channel, and how many services it has open. */
function resolving() {
  const clock = new FakeClock();
  const mesh = new ChannelMesh("round_robin", clock);
  const opened = new Set<ChannelService>();
  const services = {
    open(namespace: string | undefined, name: string) {
      const service = mesh.services.open(namespace, name);
      if (service === undefined) return undefined;
      opened.add(service);
      const close = service.close.bind(service);
      service.close = () => {
        opened.delete(service);
        close();
      };
      return service;
    },
  };
  const registry = new MeshRegistry();
  const plans: string[] = [];
  const resolver = new (meshResolverClass(registry))(
    { scheme: "weir", path: "orders" },
    (_endpoints, _attributes, config) => {
      const raw = config?.ok ? config.value.loadBalancingConfig[0]?.["weir"] : undefined;
      const { plan } = MeshConfig.createFromJson(raw);
      plans.push("service" in plan ? plan.service.key : plan.failure.problem.slice(0, 16));
      return true;
    },
    {},
  );
  const open = () => registry.open("default", services, false);
  return { mesh, clock, resolver, plans, opened, open };
}

test("the answer never comes before gRPC asked, and not while it asks", async () => {
  const { resolver, plans } = resolving();
  await turn();
  expect(plans).toEqual([]);
  resolver.updateResolution();
  resolver.updateResolution();
  expect(plans).toEqual([]);
  await turn();
  expect(plans).toEqual(["no mesh is open "]);
});

test("a channel hears of meshes that come and go, and of the first answer, once each", async () => {
  const { mesh, clock, resolver, plans, opened, open } = resolving();
  resolver.updateResolution();
  await turn();
  const close = open();
  expect(plans).toHaveLength(1);
  clock.advance(5_000);
  mesh.has([endpoint("a")]);
  mesh.has([endpoint("a"), endpoint("b")]);
  expect(plans.slice(1)).toEqual(["no control plane", "default/orders"]);
  expect(opened.size).toBe(1);
  close();
  expect(plans.slice(3)).toEqual(["the mesh is clos"]);
  expect(opened.size).toBe(0);
});

test("a channel that is gone wants nothing, hears nothing, and may come back", async () => {
  const { mesh, resolver, plans, opened, open } = resolving();
  resolver.updateResolution();
  resolver.destroy();
  await turn();
  expect(plans).toEqual([]);
  open();
  mesh.has([endpoint("a")]);
  resolver.updateResolution();
  await turn();
  expect(opened.size).toBe(1);
  resolver.destroy();
  expect(opened.size).toBe(0);
  expect(plans).toEqual(["default/orders"]);
});
