/** The Node proxies that Weir is compared with, one process each. */
import { freePort } from "../test/support/free-port.ts";
import { pathOf, startProgram } from "./processes.ts";
import type { ProxySubject } from "./proxy-subject.ts";

export const httpProxy3 = nodeProxy("http_proxy_3", "proxy-http-proxy-3.ts");
export const fastifyHttpProxy = nodeProxy("fastify_http_proxy", "proxy-fastify.ts");

/** @param program is told `LISTEN BACKEND...`, each as `HOST:PORT`. */
function nodeProxy(name: string, program: string): ProxySubject {
  return {
    name,
    async start(backends) {
      const address = `127.0.0.1:${await freePort()}`;
      const command = [process.execPath, pathOf(program), address, ...backends];
      return startProgram(name, command, address);
    },
  };
}
