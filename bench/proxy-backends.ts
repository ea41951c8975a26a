/** What every proxy of the bench sends to: the same few processes. */
import { findNginx, type Nginx, startNginx } from "../test/support/nginx.ts";

/** Enough to balance over, few enough to leave the processors to the proxy. */
const BACKENDS = 4;

/** A small JSON answer's size: the cost of a proxy is per request, not per byte. */
const BODY_BYTES = 1_024;

/** `HOST:PORT` of one backend. */
export type Backend = string;

export interface Backends {
  readonly addresses: readonly Backend[];
  stop(): Promise<void>;
}

/** @throws Error that says what to install. */
export async function startBackends(): Promise<Backends> {
  if (findNginx() === undefined)
    throw new Error("nginx is not installed; try: apt-get install nginx-light");
  const servers: Nginx[] = [];
  for (let i = 0; i < BACKENDS; i++)
    servers.push(await startNginx({ name: `backend-${i}`, bodyBytes: BODY_BYTES }));
  return {
    addresses: servers.map(({ port }) => `127.0.0.1:${port}`),
    async stop() {
      await Promise.all(servers.map((server) => server.kill()));
    },
  };
}
