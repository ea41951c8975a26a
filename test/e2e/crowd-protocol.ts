/** What a crowd of watchers and its parent tell each other. */

export interface CrowdStart {
  readonly type: "start";
  readonly watchers: readonly {
    /** Unique in the run. */
    readonly id: string;
    /** The replicas that it is given. */
    readonly replicas: readonly string[];
    readonly services: readonly string[];
  }[];
}

/** What changed in the list that a watcher would send requests to. */
export interface ListChange {
  readonly kind: "added" | "removed" | "changed";
  readonly service: string;
  readonly id: string;
  readonly registrationId: string;
  readonly isDraining: boolean;
  /** Of a removal: its lease ran out. */
  readonly isExpired: boolean;
}

export interface CrowdEvent {
  readonly watcher: string;
  /** In the order in which they were seen; first what a new list lacks, then what it has. */
  readonly changes: readonly ListChange[];
  /** What told it, in words. */
  readonly by: string;
}

/** A watcher is connected to another replica; `""` for none. */
export interface CrowdMove {
  readonly watcher: string;
  readonly replicaId: string;
}

export interface CrowdReport {
  readonly events: readonly CrowdEvent[];
  readonly moves: readonly CrowdMove[];
}
