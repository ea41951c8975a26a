/** A program that uses everything of the library and then closes it: nothing may keep its process alive. Argument: CONTROL_PLANE. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { credentials, Metadata } from "@grpc/grpc-js";
import { Mesh } from "../../src/apps/library/main.ts";
import { HealthClient } from "../../src/gen/grpc/health/v1/health.ts";

const server = createServer((_, response) => response.end("served"));
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as AddressInfo;
const mesh = await Mesh.connect({ controlPlane: [process.argv[2] ?? ""], subscribe: ["mine"] });
await mesh.register({ service: "mine", port });
(await mesh.pick("mine")).end("success");
process.stdout.write(`${await (await mesh.fetch("http://mine.weir/")).text()}\n`);
// Nobody answers there, and it is given up long before its own time is over.
const nowhere = Mesh.connect({ controlPlane: ["127.0.0.1:1"], signal: AbortSignal.timeout(50) });
await nowhere.catch(() => undefined);
const aborted = new AbortController();
const late = mesh.register({ service: "late", port: 1 }, { signal: aborted.signal });
aborted.abort();
await late.catch(() => undefined);
const client = new HealthClient("weir:mine", credentials.createInsecure());
await new Promise((resolve) => {
  const deadline = Date.now() + 200;
  client.check({ service: "" }, new Metadata(), { deadline }, resolve);
});
client.close();
await mesh.close();
server.close();
server.closeAllConnections();
process.stdout.write("closed\n");
