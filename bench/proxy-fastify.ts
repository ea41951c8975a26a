/** `node proxy-fastify.ts LISTEN BACKEND...`: @fastify/http-proxy in turn over the backends. */
import proxy from "@fastify/http-proxy";
import Fastify from "fastify";
import { KEPT_CONNECTIONS } from "./proxy-subject.ts";

const [listen = "", ...backends] = process.argv.slice(2);
const upstreams = backends.map((backend) => `http://${backend}`);
let next = 0;

const app = Fastify({ logger: false });
await app.register(proxy, {
  upstream: "",
  undici: { connections: KEPT_CONNECTIONS, pipelining: 1 },
  replyOptions: {
    getUpstream: () => {
      next = (next + 1) % upstreams.length;
      return upstreams[next] ?? "";
    },
  },
});
const [host = "", port] = listen.split(":");
await app.listen({ host, port: Number(port) });
