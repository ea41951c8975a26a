import { isIP } from "node:net";
import { MeshError } from "../../core/model/mesh-error.ts";

export interface ListenAddress {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

/**
 * Reads `127.0.0.1:15001` or `[::1]:15001`.
 *
 * @throws MeshError INVALID_ARGUMENT
 */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3]);
  const isValid = host !== "" && port <= 65_535 && (match?.[1] === undefined || isIP(host) === 6);
  if (!isValid) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `cannot listen on "${text.slice(0, 100)}": write HOST:PORT, for example 127.0.0.1:15001`,
    );
  }
  return { host, port };
}
