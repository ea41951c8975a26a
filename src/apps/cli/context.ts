import type { ServicePolicy } from "../../core/policies/service-policy.ts";
import type { CheckProbe } from "../../ports/check-probe.ts";
import type { Clock } from "../../ports/clock.ts";
import type { ControlPlaneAccessSettings } from "../../ports/control-plane-access.ts";
import type { ControlPlaneApi } from "../../ports/control-plane-api.ts";

/**
 * What a verb has of the world. Only main.ts makes a real one, so that tests run every verb against
 * a control plane and a terminal of their own.
 */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Of Weir itself. */
  readonly version: string;
  /** @param address `host:port` of a control plane. */
  connect(address: string, access: ControlPlaneAccessSettings): Promise<ControlPlaneApi>;
  /** For `weir check`: looks at ports and certificates from outside. */
  checkProbe(): Promise<CheckProbe>;
  /** A name for one process that nobody else has. */
  newId(): string;
  /** A text that the user named. @throws MeshError INVALID_ARGUMENT */
  readText(path: string): Promise<string>;
  /** What a single server's policy file holds now. @throws MeshError */
  readPolicies(path: string): Promise<readonly ServicePolicy[]>;
  /** Asks an agent's admin port whether it is ready. @throws MeshError UNREACHABLE */
  agentReadiness(
    address: string,
    access: ControlPlaneAccessSettings,
  ): Promise<{ readonly isReady: boolean; readonly text: string }>;
}

/** Data goes to `out`, talk goes to `say`. */
export interface Terminal {
  /** Whether a person reads along, who likes colours. */
  readonly hasColours: boolean;
  out(text: string): void;
  /** One line, for the person. */
  say(line: string): void;
}

export type StopSignal = "SIGINT" | "SIGTERM";

/** Until a verb asks, signals end the process as they always do. */
export interface Signals {
  /** Resolves at the first SIGINT or SIGTERM; a second one ends the process at once. */
  stop(): Promise<StopSignal>;
  onHangup(listener: () => void): void;
}
