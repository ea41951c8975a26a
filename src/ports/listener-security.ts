import type { BearerTokens } from "./bearer-tokens.ts";
import type { ServerCertificates } from "./certificates.ts";

/** How a port is protected; nothing set means plaintext for everybody. */
export interface ListenerSecurity {
  /** The port speaks TLS. */
  readonly certificates?: ServerCertificates | undefined;
  /** Callers must show a token. */
  readonly tokens?: BearerTokens | undefined;
}
