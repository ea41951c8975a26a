import type { Instance } from "../model/instance.ts";
import { formatAddress } from "../model/instance.ts";
import { isLoopback } from "../model/loopback.ts";

/** Where to ask whether an instance whose owner is gone is still there; whoever accepts a connection is. */
export interface OrphanDoor {
  readonly host: string;
  readonly port: number;
}

/**
 * @param isOneMachine all replicas and instances are on this machine: elsewhere, what answers on a
 *   loopback address is somebody else, and a refusal says nothing
 * @returns `undefined` where nobody can ask from here
 */
export function doorOf(
  { address, ports }: Instance,
  isOneMachine: boolean,
): OrphanDoor | undefined {
  const port = ports[0]?.port ?? 0;
  if (address.kind === "unix" || port === 0) return undefined;
  if (isLoopback(formatAddress(address, port)) && !isOneMachine) return undefined;
  return { host: address.value, port };
}
