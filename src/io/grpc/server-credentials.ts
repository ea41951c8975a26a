import { ServerCredentials } from "@grpc/grpc-js";
import type { ServerCertificates } from "../../ports/certificates.ts";

/** A handshake takes two round trips; who needs longer holds a socket for nothing. Node waits 120 s. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** TLS from certificates that may be replaced, or plaintext without. */
export function serverCredentials(certificates: ServerCertificates | undefined): ServerCredentials {
  if (certificates === undefined) return ServerCredentials.createInsecure();
  return new ReplaceableCertificate(certificates);
}

/**
 * New connections get the current certificate; those that stand are left alone, and none is refused
 * in between. grpc-js's own provider takes certificate and CA one after the other, and refuses
 * every connection while one of them cannot be read: here both change at once, and only to what
 * was found good. Source: grpc-js 1.14, server-credentials.ts.
 */
class ReplaceableCertificate extends ServerCredentials {
  constructor(certificates: ServerCertificates) {
    const mustShowCertificate = certificates.current().clientCa !== undefined;
    super(
      {
        requestCert: mustShowCertificate,
        rejectUnauthorized: mustShowCertificate,
        handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      },
      contextOf(certificates),
    );
    certificates.onChange(() => this.updateSecureContextOptions(contextOf(certificates)));
  }

  /** Equal ones share a port; there is one for each. */
  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf(certificates: ServerCertificates) {
  const { cert, key, clientCa } = certificates.current();
  return clientCa === undefined ? { cert, key } : { cert, key, ca: clientCa };
}
