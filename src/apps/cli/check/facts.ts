import type { MeshErrorCode } from "../../../core/model/mesh-error.ts";
import type { CertificateFacts, PortAnswer } from "../../../ports/check-probe.ts";
import type { ClusterSummary } from "../../../ports/cluster-api.ts";
import type {
  AgentSummary,
  InstanceListing,
  ServerState,
  ServiceSummary,
} from "../../../ports/control-plane-api.ts";

/**
 * Everything that `weir check` found out, before anybody judges it. What could not be asked is
 * `undefined`, so that a rule can tell "well" from "not known".
 */
export interface CheckFacts {
  /** Of the program that checks. */
  readonly cliVersion: string;
  /** Its wall clock when it asked, milliseconds since 1970. */
  readonly wallMs: number;
  readonly target: TargetFacts;
  readonly clock: ClockFacts | undefined;
  readonly server: ServerState | undefined;
  /** Without members when the server runs alone; `undefined` also when it is too old to tell. */
  readonly cluster: ClusterSummary | undefined;
  /** NATS servers whose monitoring pages answered. */
  readonly natsServers: readonly NatsServerFacts[] | undefined;
  readonly adminPort: AdminPortFacts | undefined;
  readonly agents: readonly AgentSummary[] | undefined;
  readonly services: readonly ServiceFacts[] | undefined;
  readonly agent: LocalAgentFacts | undefined;
  /** Ports of the default set on this machine that something else answers on; asked when no Weir answers there. */
  readonly takenPorts: readonly TakenPort[] | undefined;
}

/** The control plane that was asked, and how that went. */
export interface TargetFacts {
  /** `host:port`. */
  readonly address: string;
  /** What a command needs to reach the same one, with a leading space; empty for the default. */
  readonly flags: string;
  readonly usesTls: boolean;
  readonly hasToken: boolean;
  readonly failure: { readonly code: MeshErrorCode; readonly message: string } | undefined;
  /** Who answers there; asked only after a failure. */
  readonly port: PortAnswer | undefined;
  /** What the admin pages at that very address say of themselves, when it is an HTTP port. */
  readonly httpVersionPage: string;
  readonly certificate: CertificateFacts | undefined;
}

export interface ClockFacts {
  /** The server's wall clock minus ours. */
  readonly offsetMs: number;
  /** Half the round trip: the offset is known no better. */
  readonly uncertaintyMs: number;
}

export interface NatsServerFacts {
  /** Of its monitoring pages, `host:port`. */
  readonly address: string;
  readonly version: string;
  readonly hasJetStream: boolean;
  readonly syncsAlways: boolean;
  /** `undefined` when it does not say. */
  readonly syncIntervalMs: number | undefined;
}

export interface AdminPortFacts {
  readonly address: string;
  readonly port: PortAnswer;
  readonly isWeir: boolean;
}

export interface ServiceFacts extends ServiceSummary {
  /** `undefined` when there were too many services to list each. */
  readonly instances: readonly InstanceListing[] | undefined;
}

export interface TakenPort {
  readonly port: number;
  /** For what Weir uses it, for example `the agent's admin port`. */
  readonly use: string;
  /** The flag that moves it, for example `weir agent --admin`. */
  readonly flag: string;
  readonly detail: string;
}

/** An agent, seen through its admin port. */
export interface LocalAgentFacts {
  readonly address: string;
  /** Somebody named it, so that nothing there is an error. */
  readonly isAsked: boolean;
  readonly port: PortAnswer;
  /** `undefined` when what answers there is no agent. */
  readonly pages: AgentPages | undefined;
  /** It may be an agent, which does not tell strangers. */
  readonly asksForToken: boolean;
}

export interface AgentPages {
  readonly id: string;
  readonly version: string;
  readonly isReady: boolean;
  /** What is missing, line by line. */
  readonly whyNotReady: string;
  readonly controlPlane: {
    readonly isConnected: boolean;
    readonly address: string;
    readonly problem: string;
  };
  readonly services: readonly {
    readonly service: string;
    readonly origin: string;
    readonly ageMs: number | undefined;
    readonly unknownPolicy: string;
    readonly problem: string;
  }[];
  readonly instances: readonly {
    readonly key: string;
    readonly status: string;
    readonly health: string;
    readonly detail: string;
  }[];
  /** Where applications send requests, and who answers there; `undefined` when its port is not known. */
  readonly listener: { readonly address: string; readonly port: PortAnswer } | undefined;
  readonly retries: readonly {
    readonly service: string;
    readonly made: number;
    readonly refused: number;
  }[];
}
