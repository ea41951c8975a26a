import { connect } from "node:net";
import type { Prober, TcpProbeTarget } from "../../ports/prober.ts";
import { lookupHost } from "../host-lookup.ts";
import { settleProbe } from "../settle-probe.ts";

/** Opens a connection and closes it at once. */
export const tcpProber: Prober<TcpProbeTarget> = {
  probe(target, timeoutMs, signal) {
    return settleProbe(timeoutMs, signal, ({ settle, fail }) => {
      const socket = connect({ host: target.host, port: target.port, lookup: lookupHost });
      socket.on("error", fail);
      socket.on("connect", () => settle(true, "connection accepted"));
      return () => socket.destroy();
    });
  },
};
