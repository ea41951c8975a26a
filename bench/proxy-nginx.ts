/** nginx as a proxy, one process, with connections to the backends kept open. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../test/support/free-port.ts";
import { findNginx } from "../test/support/nginx.ts";
import { startProgram } from "./processes.ts";
import type { Backend } from "./proxy-backends.ts";
import { KEPT_CONNECTIONS, type ProxySubject, type RunningProxy } from "./proxy-subject.ts";

export const nginx: ProxySubject = { name: "nginx", start };

async function start(backends: readonly Backend[]): Promise<RunningProxy> {
  const address = `127.0.0.1:${await freePort()}`;
  const directory = mkdtempSync(join(tmpdir(), "weir-bench-nginx-"));
  mkdirSync(join(directory, "temp"));
  writeFileSync(join(directory, "nginx.conf"), configuration(backends, address));
  // `startBackends` has made sure that it is installed.
  const command = [findNginx() ?? "nginx", "-p", directory, "-e", "error.log", "-c", "nginx.conf"];
  const proxy = await startProgram("nginx", command, address);
  return {
    ...proxy,
    async stop() {
      await proxy.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** One process: with a master, the worker would outlive a killed bench. */
function configuration(backends: readonly Backend[], address: string): string {
  return `
daemon off;
master_process off;
pid nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_body_temp_path temp/body;
  proxy_temp_path temp/proxy;
  fastcgi_temp_path temp/fastcgi;
  uwsgi_temp_path temp/uwsgi;
  scgi_temp_path temp/scgi;
  upstream backends {
${backends.map((backend) => `    server ${backend};`).join("\n")}
    keepalive ${KEPT_CONNECTIONS};
    keepalive_requests 1000000000;
  }
  server {
    listen ${address} backlog=1024;
    location / {
      proxy_pass http://backends;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}
