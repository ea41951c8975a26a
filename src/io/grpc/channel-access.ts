import { type ChannelCredentials, credentials, Metadata } from "@grpc/grpc-js";
import { isLoopback } from "../../core/model/loopback.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { TokenSource } from "../../ports/bearer-tokens.ts";
import type { ClientCertificate, ClientCertificates } from "../../ports/certificates.ts";
import type { AccessProgram } from "../../ports/control-plane-access.ts";
import { ACCESS_NAMES, type AccessNames } from "./access-names.ts";
import { causeOfFailure } from "./connect-diagnosis.ts";
import { TlsCredentials } from "./tls-credentials.ts";

/** How a client reaches a control plane. Asked anew for each stream, so that replaced files are used. */
export interface ChannelAccess {
  /** @throws MeshError when its files cannot be used. */
  credentials(): ChannelCredentials;
  /**
   * What each call carries.
   *
   * @throws MeshError when the token would cross a network in plaintext, or cannot be read.
   */
  metadata(address: string): Metadata;
  /** Why no connection came about, when that can be found out; else `undefined`. Takes two seconds at most. */
  explain(address: string, grpcDetails: string): Promise<string | undefined>;
}

export interface ChannelAccessParts {
  /** `undefined` speaks plaintext. */
  readonly certificates?: ClientCertificates | undefined;
  /** The name in the server's certificate, where it differs from the address. */
  readonly serverName?: string | undefined;
  readonly token?: TokenSource;
  /** Lets a token cross a network that is trusted in plaintext. */
  readonly allowsPlaintextToken?: boolean;
  /** Whose names of settings messages use. */
  readonly program?: AccessProgram;
}

/** Plaintext without a token: for loopback and networks that somebody else protects. */
export const PLAIN_ACCESS: ChannelAccess = channelAccess({});

/** Access from certificates and a token, all optional. */
export function channelAccess(parts: ChannelAccessParts): ChannelAccess {
  const { certificates, serverName, token = () => undefined, program = "verb" } = parts;
  const names = ACCESS_NAMES[program];
  return {
    credentials: credentialsFrom(certificates, serverName),
    metadata(address) {
      const metadata = new Metadata();
      const shown = token();
      if (shown === undefined) return metadata;
      const isLocal = address.startsWith("unix:") || isLoopback(address);
      const isExposed = certificates === undefined && !isLocal;
      if (isExposed && parts.allowsPlaintextToken !== true) {
        throw exposedToken(address, names);
      }
      metadata.set("authorization", `Bearer ${shown}`);
      return metadata;
    },
    explain: (address, grpcDetails) =>
      causeOfFailure({ address, grpcDetails, certificates, serverName, names }),
  };
}

/** Credentials are made again only when the certificates changed: parsing a CA bundle takes milliseconds. */
function credentialsFrom(
  certificates: ClientCertificates | undefined,
  serverName: string | undefined,
): () => ChannelCredentials {
  if (certificates === undefined) return () => credentials.createInsecure();
  let madeOf: ClientCertificate | undefined;
  let made = credentials.createInsecure();
  return () => {
    const current = certificates.current();
    if (current !== madeOf) {
      made = new TlsCredentials(current, serverName);
      madeOf = current;
    }
    return made;
  };
}

function exposedToken(address: string, { ca, insecure }: AccessNames): MeshError {
  return new MeshError(
    "INVALID_ARGUMENT",
    `the token was not sent: ${address} is beyond this machine and the connection is plaintext; ` +
      `use TLS (${ca}), or ${insecure} if that network is trusted`,
  );
}
