import { connect } from "node:net";
import type { Prober, TcpProbeTarget } from "../../ports/prober.ts";
import { lookupHost } from "../host-lookup.ts";
import { describeFailure, settleProbe } from "../settle-probe.ts";

/** Opens a connection and closes it at once. */
export const tcpProber: Prober<TcpProbeTarget> = {
  probe(target, timeoutMs, signal) {
    return settleProbe(timeoutMs, signal, ({ settle }) => {
      const socket = connect({ host: target.host, port: target.port, lookup: lookupHost });
      socket.on("error", (error) => settle(false, describeFailure(error)));
      socket.on("connect", () => settle(true, "connection accepted"));
      return () => socket.destroy();
    });
  },
};
