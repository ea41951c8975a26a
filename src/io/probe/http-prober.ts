import { request } from "node:http";
import type { HttpProbeTarget, Prober } from "../../ports/prober.ts";
import { lookupHost } from "../host-lookup.ts";
import { settleProbe } from "../settle-probe.ts";

/** The range that Kubernetes takes as healthy: a redirect to a login page is an answer too. */
const MIN_HEALTHY_STATUS = 200;
const MAX_HEALTHY_STATUS = 399;

/** Reads the status of one GET, on a connection of its own; the body is not waited for. */
export const httpProber: Prober<HttpProbeTarget> = {
  probe(target, timeoutMs, signal) {
    return settleProbe(timeoutMs, signal, ({ settle, fail }) => {
      const { host, port, path } = target;
      const headers = { "user-agent": "weir-probe" };
      // Without an agent nothing is kept alive: a probe must notice that nobody listens any more.
      const probe = request({ host, port, path, headers, agent: false, lookup: lookupHost });
      probe.on("error", fail);
      probe.on("response", ({ statusCode = 0 }) => {
        const ok = statusCode >= MIN_HEALTHY_STATUS && statusCode <= MAX_HEALTHY_STATUS;
        settle(ok, `GET ${path} answered ${statusCode}`);
      });
      probe.end();
      return () => probe.destroy();
    });
  },
};
