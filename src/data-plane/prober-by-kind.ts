import type { GrpcProbeTarget, HttpProbeTarget, Prober, TcpProbeTarget } from "../ports/prober.ts";

/** One prober for each kind of target. */
export interface Probers {
  readonly http: Prober<HttpProbeTarget>;
  readonly tcp: Prober<TcpProbeTarget>;
  readonly grpc: Prober<GrpcProbeTarget>;
}

/** A prober for every kind of target. */
export function proberByKind(probers: Probers): Prober {
  return {
    probe(target, timeoutMs, signal) {
      switch (target.kind) {
        case "http":
          return probers.http.probe(target, timeoutMs, signal);
        case "tcp":
          return probers.tcp.probe(target, timeoutMs, signal);
        case "grpc":
          return probers.grpc.probe(target, timeoutMs, signal);
      }
    },
  };
}
