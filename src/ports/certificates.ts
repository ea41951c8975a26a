/** What a listener proves itself with. All are PEM texts that were found to belong together. */
export interface ServerCertificate {
  /** The certificate, and the chain behind it. */
  readonly cert: string;
  readonly key: string;
  /** Clients must show a certificate that one of these signed; `undefined` asks them for none. */
  readonly clientCa: string | undefined;
  /** Of the certificate, not of the chain behind it; milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** A listener's certificate, which is replaced while it runs. */
export interface ServerCertificates {
  /** The last good one: a replacement that is broken never becomes it. */
  current(): ServerCertificate;
  /** Told of each replacement. @returns ends that. */
  onChange(listener: () => void): () => void;
}

/** What a client proves itself with, and whom it believes. */
export interface ClientCertificate {
  /** `undefined` believes whom the system believes. */
  readonly ca: string | undefined;
  /** Both or none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** A client's certificate; asked for each connection, so that replaced files are used. */
export interface ClientCertificates {
  /** The last good one. @throws MeshError when there was never a good one. */
  current(): ClientCertificate;
  /** What to call the CA in messages: the file, or the system. */
  readonly caName: string;
}
