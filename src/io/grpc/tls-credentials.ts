import { isIP } from "node:net";
import { connect, createSecureContext, type SecureContext } from "node:tls";
import { CallCredentials, ChannelCredentials, type experimental } from "@grpc/grpc-js";
import type { ClientCertificate } from "../../ports/certificates.ts";

type CreateArguments = Parameters<ChannelCredentials["_createSecureConnector"]>;

/**
 * TLS for a channel. grpc-js's own names an IP address as the server's name, which TLS does not
 * allow and Node warns of on every start. Source: RFC 6066, 3; grpc-js 1.14, channel-credentials.ts.
 */
export class TlsCredentials extends ChannelCredentials {
  readonly #context: SecureContext;
  readonly #serverName: string | undefined;

  /** @param serverName in the server's certificate, where it differs from the address. */
  constructor({ ca, cert, key }: ClientCertificate, serverName: string | undefined) {
    super();
    this.#serverName = serverName;
    this.#context = createSecureContext({
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  }

  _isSecure(): boolean {
    return true;
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  _createSecureConnector(
    target: CreateArguments[0],
    channel: CreateArguments[1],
    callCredentials: CallCredentials = CallCredentials.createEmpty(),
  ): experimental.SecureConnector {
    const authority: unknown = channel["grpc.default_authority"];
    const name = typeof authority === "string" ? authority : target.path;
    const options = {
      secureContext: this.#context,
      ALPNProtocols: ["h2"],
      ...serverIdentity(name, this.#serverName),
    };
    return {
      connect: (socket) =>
        new Promise((resolve, reject) => {
          const secured = connect({ ...options, socket }, () =>
            resolve({ socket: secured, secure: true }),
          );
          secured.on("error", reject);
          secured.once("close", () => reject(new Error("the connection closed in its handshake")));
        }),
      waitForReady: async () => undefined,
      getCallCredentials: () => callCredentials,
      destroy: () => undefined,
    };
  }
}

/** Whom a certificate must name: an IP address is checked, and not told to the server. */
export function serverIdentity(
  address: string,
  serverName: string | undefined,
): { readonly host: string; readonly servername?: string } {
  const expected = serverName ?? hostOf(address);
  return isIP(expected) === 0 ? { host: expected, servername: expected } : { host: expected };
}

/** `::1` of `[::1]:7400`. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
