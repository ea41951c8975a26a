import { connect, type NatsConnection } from "nats";
import type { Random } from "../../core/model/random.ts";
import type { ClientCertificates } from "../../ports/certificates.ts";
import type { Clock } from "../../ports/clock.ts";
import { authenticatorFor } from "./nats-authenticator.ts";
import { findServer } from "./nats-greeting.ts";
import { isAddress } from "./nats-problem.ts";
import type { NatsServer, NatsSettings } from "./nats-settings.ts";

/** A server that says nothing for so long is frozen or behind a firewall: the next one. */
export const DIAL_TIMEOUT_MS = 3_000;

/** With two unanswered ones a dead link is noticed in 10 to 15 s. NATS' own default is 2 minutes. */
export const PING_INTERVAL_MS = 5_000;

const MAX_PINGS_UNANSWERED = 2;

export interface NatsDialOptions extends NatsSettings {
  /** Shown by the server's monitoring: the replica. */
  readonly name: string;
  /** Where replies arrive; the server must permit it. */
  readonly inboxPrefix: string;
  /** TLS with these, whatever the URLs say; asked for at each connect. */
  readonly certificates?: ClientCertificates | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly dialTimeoutMs?: number | undefined;
  readonly pingIntervalMs?: number | undefined;
}

/**
 * One connection to one server, that never reconnects by itself: the client of `nats` drops what
 * was published while it reconnects, gives up after an error of authentication that came twice, and
 * keeps certificates and secrets of the first connect. A new connection has none of that.
 */
export async function dialNats(
  server: NatsServer,
  options: NatsDialOptions,
): Promise<NatsConnection> {
  const timeout = options.dialTimeoutMs ?? DIAL_TIMEOUT_MS;
  const authenticator = authenticatorFor(options, server);
  const { address, hasTls } = await findServer(server, timeout, options);
  const tls = tlsOptions(server, options.certificates, hasTls);
  return await connect({
    servers: `${address.includes(":") ? `[${address}]` : address}:${server.port}`,
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    timeout,
    pingInterval: options.pingIntervalMs ?? PING_INTERVAL_MS,
    maxPingOut: MAX_PINGS_UNANSWERED,
    reconnect: false,
    maxReconnectAttempts: 0,
    ignoreClusterUpdates: true,
    // The address is known already.
    resolve: false,
    noEcho: true,
    noAsyncTraces: true,
    ...(tls && { tls }),
    ...(authenticator && { authenticator }),
  });
}

/**
 * Given, the client refuses a server without TLS: nobody in between can take away what was asked
 * for. Who did not ask uses it where it is offered, as the client does by itself.
 */
function tlsOptions(
  server: NatsServer,
  certificates: ClientCertificates | undefined,
  isOffered: boolean,
): object | undefined {
  if (certificates === undefined && !server.isTls && !isOffered) return undefined;
  const { ca, cert, key } = certificates?.current() ?? {};
  return {
    // Without it the client compares the certificate of a server named by address with "localhost".
    ...(isAddress(server.host) ? { host: server.host } : { servername: server.host }),
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}
