import { onTestFinished } from "vitest";
import { freePort } from "./free-port.ts";
import { NatsServerProcess } from "./nats-server.ts";

/** Three NATS servers with JetStream that know each other, and are gone when the test is. */
export async function natsCluster(): Promise<NatsServerProcess[]> {
  const routes = [await freePort(), await freePort(), await freePort()];
  const all = routes.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  const servers = await Promise.all(
    routes.map((port, index) =>
      NatsServerProcess.start({
        hasJetStream: true,
        config: `server_name: "n${index}"\ncluster { name: "c", listen: "127.0.0.1:${port}", routes: [${all}] }`,
      }),
    ),
  );
  onTestFinished(async () => {
    for (const server of servers) await server.stop();
  });
  return servers;
}
