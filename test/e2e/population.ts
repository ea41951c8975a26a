/** How large the mesh of a run is. */
export interface Population {
  readonly services: number;
  /** Of each service. */
  readonly instances: number;
  /** Attach sessions that keep all instances. */
  readonly clients: number;
  readonly watchers: number;
  /** That a watcher watches, except the few that watch all. */
  readonly servicesAWatcher: number;
  readonly leaseMs: number;
}
