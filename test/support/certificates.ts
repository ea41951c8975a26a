import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Certificates for tests, made by OpenSSL when they are needed: none is stored that could expire. */

/** Files of a certificate and its key. */
export interface PairFiles {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  readonly commonName?: string;
  /** As OpenSSL writes it: `IP:127.0.0.1,DNS:localhost`. */
  readonly names?: string;
  /** Negative ones have expired. */
  readonly days?: number;
}

/** A CA in a folder of its own. */
export class TestCa {
  readonly #folder: string;
  readonly #name: string;
  #issued = 0;

  constructor(folder: string, name = "test-ca") {
    this.#folder = folder;
    this.#name = name;
    newKey(this.#keyPath);
    openssl("req", "-x509", "-new", "-key", this.#keyPath, "-days", "30", "-out", this.path, [
      "-subj",
      `/CN=${name}`,
    ]);
  }

  /** The certificate of the CA itself. */
  get path(): string {
    return join(this.#folder, `${this.#name}.crt`);
  }

  get pem(): string {
    return readFileSync(this.path, "utf8");
  }

  issue({
    commonName = "test",
    names = "IP:127.0.0.1,DNS:localhost",
    days = 30,
  }: LeafOptions = {}): PairFiles {
    const base = join(this.#folder, `${this.#name}-${++this.#issued}`);
    const files = { cert: `${base}.crt`, key: `${base}.key` };
    newKey(files.key);
    writeFileSync(`${base}.ext`, `subjectAltName=${names}\n`);
    openssl("req", "-new", "-key", files.key, "-out", `${base}.csr`, [
      "-subj",
      `/CN=${commonName}`,
    ]);
    openssl("x509", "-req", "-in", `${base}.csr`, "-out", files.cert, [
      ...["-CA", this.path, "-CAkey", this.#keyPath, "-CAcreateserial"],
      ...["-days", String(days), "-extfile", `${base}.ext`],
    ]);
    return files;
  }

  get #keyPath(): string {
    return join(this.#folder, `${this.#name}.key`);
  }
}

/** On P-256: made in milliseconds. */
function newKey(path: string): void {
  openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path);
}

function openssl(...args: readonly (string | readonly string[])[]): void {
  execFileSync("openssl", args.flat(), { stdio: ["ignore", "ignore", "pipe"] });
}
