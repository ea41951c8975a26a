/** GET of `path`; any status from 200 to 399 is healthy. */
export interface HttpProbeTarget {
  readonly kind: "http";
  readonly host: string;
  readonly port: number;
  /** With its leading slash. */
  readonly path: string;
}

/** A connection that is accepted is healthy. */
export interface TcpProbeTarget {
  readonly kind: "tcp";
  readonly host: string;
  readonly port: number;
}

/** `grpc.health.v1.Health/Check`; SERVING is healthy. */
export interface GrpcProbeTarget {
  readonly kind: "grpc";
  readonly host: string;
  readonly port: number;
  /** The name to ask for; `""` for the whole server. */
  readonly service: string;
}

/** What to ask to learn whether an instance is healthy. */
export type ProbeTarget = HttpProbeTarget | TcpProbeTarget | GrpcProbeTarget;

/** The answer of one probe. */
export interface ProbeResult {
  readonly ok: boolean;
  /** For people: what was answered, or why nothing was. */
  readonly detail: string;
  /** Set when the machine answered that nothing listens there: unlike silence, that is evidence. */
  readonly isRefused?: true;
}

/**
 * Asks once. Never rejects: whatever goes wrong is a result. Always ends by `timeoutMs`, or when
 * `signal` aborts, and leaves no connection behind.
 */
export interface Prober<Target extends ProbeTarget = ProbeTarget> {
  probe(target: Target, timeoutMs: number, signal: AbortSignal): Promise<ProbeResult>;
}
