/** How a client process calls, one function for each way. */
import { type Client, credentials } from "@grpc/grpc-js";
import { Agent, type Dispatcher, fetch, request } from "undici";
import { Mesh } from "../src/apps/library/main.ts";
import { HealthClient } from "../src/gen/grpc/health/v1/health.ts";
import { GRPC_SERVICE, HTTP_SERVICE, type Surroundings, type Way } from "./library-protocol.ts";

/** Makes one call and reads its whole answer. */
export type Call = () => Promise<void>;

/** As many connections as calls may run at once, in every way. */
const CONNECTIONS = { connections: 256, pipelining: 1 };

const PATH = "/item";

export const callOf: Readonly<Record<Way, (around: Surroundings) => Promise<Call>>> = {
  direct_request: async ({ servers }) => requests(inTurn(servers), new Agent(CONNECTIONS)),
  haproxy_request: async ({ haproxy }) => requests(inTurn([haproxy]), new Agent(CONNECTIONS)),
  weir_request: async ({ controlPlane }) => {
    const mesh = await joined(controlPlane, HTTP_SERVICE);
    return requests(() => `http://${HTTP_SERVICE}.weir`, mesh.dispatcher);
  },
  direct_fetch: async ({ servers }) => {
    const origin = inTurn(servers);
    const dispatcher = new Agent(CONNECTIONS);
    return async () => {
      await (await fetch(origin() + PATH, { dispatcher })).arrayBuffer();
    };
  },
  weir_fetch: async ({ controlPlane }) => {
    const mesh = await joined(controlPlane, HTTP_SERVICE);
    const url = `http://${HTTP_SERVICE}.weir${PATH}`;
    return async () => {
      await (await mesh.fetch(url)).arrayBuffer();
    };
  },
  direct_grpc: async ({ servers }) => {
    const config = { loadBalancingConfig: [{ round_robin: {} }], methodConfig: [] };
    const options = { "grpc.service_config": JSON.stringify(config) };
    return checks(`ipv4:${servers.join(",")}`, options);
  },
  weir_grpc: async ({ controlPlane }) => {
    await joined(controlPlane, GRPC_SERVICE);
    return checks(`weir:${GRPC_SERVICE}`, {});
  },
};

function joined(controlPlane: string, service: string): Promise<Mesh> {
  return Mesh.connect({
    controlPlane: [controlPlane],
    policy: "round_robin",
    subscribe: [service],
  });
}

function requests(origin: () => string, dispatcher: Dispatcher): Call {
  return async () => {
    const { body } = await request(origin() + PATH, { dispatcher });
    await body.arrayBuffer();
  };
}

function inTurn(servers: readonly string[]): () => string {
  const origins = servers.map((server) => `http://${server}`);
  let next = 0;
  return () => origins[next++ % origins.length] ?? "";
}

function checks(target: string, options: ConstructorParameters<typeof Client>[2]): Call {
  const client = new HealthClient(target, credentials.createInsecure(), options);
  return () =>
    new Promise((resolve, reject) => {
      client.check({ service: "" }, (error) => (error === null ? resolve() : reject(error)));
    });
}
