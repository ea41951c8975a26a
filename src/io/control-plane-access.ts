import { MeshError } from "../core/model/mesh-error.ts";
import type { Clock } from "../ports/clock.ts";
import type { ControlPlaneAccessSettings } from "../ports/control-plane-access.ts";
import type { Log } from "../ports/log.ts";
import { ACCESS_NAMES } from "./grpc/access-names.ts";
import { type ChannelAccess, channelAccess } from "./grpc/channel-access.ts";
import { ClientCertificateFiles } from "./tls/client-certificates.ts";
import { tokenSource } from "./tls/token-files.ts";

/**
 * Access to a control plane by files, which are looked at again for each stream and call: whoever
 * replaces them restarts nothing.
 *
 * @throws MeshError INVALID_ARGUMENT that names the file, what is wrong with it and what to do.
 */
export function controlPlaneAccess(
  settings: ControlPlaneAccessSettings,
  clock: Clock,
  log: Log,
): ChannelAccess {
  const { ca, cert, key, serverName, insecure = false, program = "verb" } = settings;
  if ((cert === undefined) !== (key === undefined)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `a client certificate needs its key: give both ${ACCESS_NAMES[program].pair}`,
    );
  }
  const isTls = ca !== undefined || cert !== undefined || key !== undefined;
  return channelAccess({
    certificates: isTls ? new ClientCertificateFiles({ ca, cert, key }, clock, log) : undefined,
    serverName,
    token: tokenSource(settings, clock, log),
    allowsPlaintextToken: insecure,
    program,
  });
}
