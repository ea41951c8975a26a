import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { fileUnusable, readSecretFile } from "./file-error.ts";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const CERTIFICATE_BEGIN = /-----BEGIN CERTIFICATE-----/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** A certificate and its key, read and found to belong together. */
export interface CheckedPair {
  readonly cert: string;
  readonly key: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** @throws MeshError INVALID_ARGUMENT that names the file, what is wrong with it and what to do. */
export function readPair(certPath: string, keyPath: string, wallMs: number): CheckedPair {
  const cert = readSecretFile(certPath);
  const [leaf, ...chain] = certificatesIn(cert, certPath);
  if (leaf === undefined) throw fileUnusable(certPath, "it holds no certificate");
  const key = readSecretFile(keyPath);
  if (!leaf.checkPrivateKey(privateKeyIn(key, keyPath))) {
    throw fileUnusable(
      keyPath,
      `the key does not belong to the certificate in ${certPath}; give the two that were issued together`,
    );
  }
  checkDates(leaf, certPath, wallMs);
  for (const issuer of chain) checkDates(issuer, certPath, wallMs);
  checkTlsAccepts({ cert, key }, certPath);
  return { cert, key, expiresAtMs: leaf.validToDate.getTime() };
}

/** A bundle of CA certificates. @throws MeshError INVALID_ARGUMENT */
export function readCaBundle(path: string, wallMs: number): string {
  const ca = readSecretFile(path);
  const certificates = certificatesIn(ca, path);
  // One that still holds is enough: a roll-over keeps the old one beside the new one.
  const usable = certificates.find((certificate) => certificate.validToDate.getTime() > wallMs);
  if (usable === undefined) {
    const [first] = certificates;
    throw fileUnusable(path, `its CA expired on ${day(first?.validToDate)}; put the new CA there`);
  }
  checkTlsAccepts({ ca }, path);
  return ca;
}

function certificatesIn(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  const begun = pem.match(CERTIFICATE_BEGIN)?.length ?? 0;
  if (begun === 0) {
    const hint = PRIVATE_KEY.test(pem) ? "it holds a private key" : "it is not PEM";
    throw fileUnusable(path, `${hint}; a file with -----BEGIN CERTIFICATE----- is needed`);
  }
  if (begun !== blocks.length) throw fileUnusable(path, "it ends within a certificate");
  return blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw fileUnusable(path, "a certificate in it cannot be read; issue it again", error);
    }
  });
}

function privateKeyIn(pem: string, path: string): KeyObject {
  if (!PRIVATE_KEY.test(pem)) {
    throw fileUnusable(path, "it holds no key; a file with -----BEGIN PRIVATE KEY----- is needed");
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const isLocked = /ENCRYPTED/.test(pem);
    const why = isLocked
      ? "its key has a passphrase; store it without one (openssl pkey -in FILE -out FILE), readable by this user only"
      : "its key cannot be read; issue it again";
    throw fileUnusable(path, why, error);
  }
}

function checkDates(certificate: X509Certificate, path: string, wallMs: number): void {
  if (certificate.validToDate.getTime() <= wallMs) {
    throw fileUnusable(
      path,
      `its certificate (${nameOf(certificate)}) expired on ${day(certificate.validToDate)}; renew it`,
    );
  }
  if (certificate.validFromDate.getTime() > wallMs) {
    throw fileUnusable(
      path,
      `its certificate (${nameOf(certificate)}) is valid from ${day(certificate.validFromDate)} on; is this machine's clock right?`,
    );
  }
}

/** What OpenSSL refuses for reasons of its own, such as a key that is too short. */
function checkTlsAccepts(parts: { cert?: string; key?: string; ca?: string }, path: string): void {
  try {
    createSecureContext(parts);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw fileUnusable(path, `TLS does not accept it: ${why}`, error);
  }
}

function nameOf({ subject, serialNumber }: X509Certificate): string {
  return subject === undefined || subject === ""
    ? `serial ${serialNumber}`
    : subject.replace(/\n/g, ", ");
}

/** `2026-11-21 04:32 UTC`. */
export function day(date: Date | undefined): string {
  return date === undefined
    ? "an unknown day"
    : `${date.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}
