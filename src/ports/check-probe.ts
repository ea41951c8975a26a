/** What a check learns of a port from outside, without the API. Nothing here rejects. */
export interface CheckProbe {
  /** Who answers at `host:port`, judged by the first bytes. */
  port(address: string): Promise<PortAnswer>;
  /** The certificate that a TLS port shows; `undefined` when there is no handshake to see one in. */
  certificate(address: string, trust: ProbeTrust): Promise<CertificateFacts | undefined>;
  /** An HTTP page; `undefined` when nobody answers. */
  page(address: string, path: string): Promise<{ status: number; body: string } | undefined>;
}

/** Whom to believe; nothing set is what the system believes, for the host that was asked. */
export interface ProbeTrust {
  readonly caFile: string | undefined;
  /** The name to expect in the certificate. */
  readonly serverName: string | undefined;
}

/**
 * - `closed`: refused. `no-host`, `unroutable`, `timeout`: never got there.
 * - `http1`, `http2`, `tls`: speaks that. `other`: says something else. `silent`: accepts, and says nothing.
 */
export interface PortAnswer {
  readonly kind:
    | "closed"
    | "no-host"
    | "unroutable"
    | "timeout"
    | "http1"
    | "http2"
    | "tls"
    | "other"
    | "silent";
  /** For people. */
  readonly detail: string;
}

/** Times in milliseconds since 1970. */
export interface CertificateFacts {
  /** Whom it names first. */
  readonly subject: string;
  readonly issuer: string;
  /** Host names and addresses that it is good for, as a certificate lists them. */
  readonly names: string;
  readonly validFromMs: number;
  readonly validUntilMs: number;
  /** Why it is not for the host that was asked; empty when it is. */
  readonly hostProblem: string;
  /** Why its issuer is not trusted; empty when it is. */
  readonly trustProblem: string;
}
