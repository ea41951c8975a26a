import type { ClientCertificate, ClientCertificates } from "../../ports/certificates.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { readCaBundle, readPair } from "./certificate-checks.ts";
import { ReloadingFiles } from "./reloading-files.ts";

/** Believe whom this machine believes: said where the file of a CA would stand. */
export const SYSTEM_CA = "system";

/** Where a client's certificate and its CA are, in PEM. */
export interface ClientCertificatePaths {
  /** A bundle of CAs, or `system`, which is also the default. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** A client's certificate from files. They are looked at for each connection; nothing runs in between. */
export class ClientCertificateFiles implements ClientCertificates {
  readonly caName: string;
  readonly #files: ReloadingFiles<ClientCertificate>;

  /** @throws MeshError INVALID_ARGUMENT that names the file, what is wrong with it and what to do. */
  constructor(paths: ClientCertificatePaths, clock: Clock, log: Log) {
    const { cert, key } = paths;
    const ca = paths.ca === SYSTEM_CA ? undefined : paths.ca;
    this.caName = ca ?? "the system's list of CAs";
    this.#files = new ReloadingFiles({
      paths: [ca, cert, key].filter((path) => path !== undefined),
      read: () => {
        const wallMs = clock.wallMs();
        const pair =
          cert === undefined || key === undefined
            ? { cert: undefined, key: undefined }
            : readPair(cert, key, wallMs);
        return { ca: ca === undefined ? undefined : readCaBundle(ca, wallMs), ...pair };
      },
      clock,
      log,
    });
  }

  current(): ClientCertificate {
    this.#files.look();
    return this.#files.value;
  }
}
