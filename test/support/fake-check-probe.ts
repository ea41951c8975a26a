import type { CertificateFacts, CheckProbe, PortAnswer } from "../../src/ports/check-probe.ts";

/** Ports, pages and certificates as a test sets them; nothing listens on the others. */
export class FakeCheckProbe implements CheckProbe {
  readonly ports = new Map<string, PortAnswer["kind"]>();
  /** By `ADDRESS/PATH`. */
  readonly pages = new Map<string, { status: number; body: string }>();
  readonly certificates = new Map<string, CertificateFacts>();

  async port(address: string): Promise<PortAnswer> {
    const kind = this.ports.get(address) ?? "closed";
    return { kind, detail: kind === "closed" ? "connection refused" : `it is ${kind}` };
  }

  async certificate(address: string): Promise<CertificateFacts | undefined> {
    return this.certificates.get(address);
  }

  async page(address: string, path: string): Promise<{ status: number; body: string } | undefined> {
    return this.pages.get(`${address}${path}`);
  }
}
