/** What the fleet's process and its parent tell each other. */

/** One process of an instance. */
export interface Registration {
  readonly service: string;
  readonly id: string;
  readonly registrationId: string;
}

export type FleetCommand =
  | {
      readonly type: "start";
      /** Where instances listen. */
      readonly host: string;
      /** Of each client: the replicas that it is given. */
      readonly clients: readonly (readonly string[])[];
      /** Of every instance. */
      readonly leaseMs: number;
    }
  /** Starts an instance's HTTP server and registers it with a client of that number. */
  | {
      readonly type: "register";
      readonly client: number;
      readonly registrations: readonly Registration[];
    }
  | { readonly type: "deregister"; readonly client: number; readonly registration: Registration }
  | {
      readonly type: "health";
      readonly client: number;
      readonly registration: Registration;
      readonly isHealthy: boolean;
    }
  /** Its process ends: its port is closed and its client says no more of it. */
  | { readonly type: "end"; readonly client: number; readonly registration: Registration };

export type FleetEvent =
  /** The client's status of it: see `KeptStatus`. */
  | { readonly type: "status"; readonly registrationId: string; readonly status: string }
  /** A server confirmed that it left. */
  | { readonly type: "deregistered"; readonly registrationId: string }
  /** A client is attached to another replica; `""` for none. */
  | { readonly type: "attached"; readonly client: number; readonly replicaId: string };

/** Many events in one message. */
export interface FleetReport {
  readonly events: readonly FleetEvent[];
}
