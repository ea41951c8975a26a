import type { ServerCertificate, ServerCertificates } from "../../ports/certificates.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { day, readCaBundle, readPair } from "./certificate-checks.ts";
import { ReloadingFiles } from "./reloading-files.ts";

/** What renews certificates does so weeks before; a week is left for a person when it did not. */
const WARN_BEFORE_MS = 7 * 24 * 3_600_000;

/** A log that says the same every second is not read. */
const WARN_EVERY_MS = 24 * 3_600_000;

/** Where a listener's certificate is, in PEM. */
export interface ServerCertificatePaths {
  readonly cert: string;
  readonly key: string;
  /** Asks clients for a certificate that one of these signed. */
  readonly clientCa?: string | undefined;
}

/** A listener's certificate from files: replaced files are used within a second or two, broken ones never. */
export class CertificateFiles implements ServerCertificates {
  readonly #files: ReloadingFiles<ServerCertificate>;
  readonly #certPath: string;
  readonly #clock: Clock;
  readonly #log: Log;
  #warnedAtMs = Number.NEGATIVE_INFINITY;

  /** @throws MeshError INVALID_ARGUMENT that names the file, what is wrong with it and what to do. */
  constructor(paths: ServerCertificatePaths, clock: Clock, log: Log) {
    const { cert, key, clientCa } = paths;
    this.#certPath = cert;
    this.#clock = clock;
    this.#log = log;
    this.#files = new ReloadingFiles({
      paths: clientCa === undefined ? [cert, key] : [cert, key, clientCa],
      read: () => {
        const wallMs = clock.wallMs();
        const pair = readPair(cert, key, wallMs);
        return { ...pair, clientCa: clientCa && readCaBundle(clientCa, wallMs) };
      },
      clock,
      log,
    });
    this.#warnOfExpiry();
    this.#files.watch(() => this.#warnOfExpiry());
  }

  current(): ServerCertificate {
    return this.#files.value;
  }

  onChange(listener: () => void): () => void {
    return this.#files.onChange(listener);
  }

  /** Reads the files now. @throws MeshError when they cannot be used; the last good ones stay. */
  reload(): void {
    this.#files.reload();
  }

  stop(): void {
    this.#files.stop();
  }

  #warnOfExpiry(): void {
    const { expiresAtMs } = this.#files.value;
    const leftMs = expiresAtMs - this.#clock.wallMs();
    if (leftMs > WARN_BEFORE_MS) return;
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#warnedAtMs < WARN_EVERY_MS) return;
    this.#warnedAtMs = nowMs;
    const fields = { file: this.#certPath, expires: day(new Date(expiresAtMs)) };
    if (leftMs > 0) this.#log.warn(fields, "the certificate expires within a week; renew it");
    else this.#log.error(fields, "the certificate has expired, clients refuse it; renew it");
  }
}
