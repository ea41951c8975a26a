/** `node proxy-http-proxy-3.ts LISTEN BACKEND...`: http-proxy-3 in turn over the backends. */
import { Agent, createServer } from "node:http";
import { createProxyServer } from "http-proxy-3";
import { KEPT_CONNECTIONS } from "./proxy-subject.ts";

const [listen = "", ...backends] = process.argv.slice(2);
// Parsed once: as strings they would be parsed for each request.
const targets = backends.map((backend) => new URL(`http://${backend}`));
const agent = new Agent({ keepAlive: true, maxFreeSockets: KEPT_CONNECTIONS });
const proxy = createProxyServer({ agent });
let next = 0;

const server = createServer((request, response) => {
  next = (next + 1) % targets.length;
  proxy.web(request, response, { target: targets[next] ?? "" }, () => response.destroy());
});
const [host, port] = listen.split(":");
server.listen(Number(port), host);
