/** Where to connect, and by what name. */
export interface Destination {
  /** `host:port` as it was configured or told: certificates are for it, and people read it. */
  readonly name: string;
  /** One of the name's addresses; the name itself where nobody resolved it, and for `unix:/path`. */
  readonly address: string;
}

/** A replica of the control plane, and where clients reach it. */
export interface ReplicaAddress {
  readonly replicaId: string;
  /** `host:port` */
  readonly address: string;
}
