import type { AccessProgram } from "../../ports/control-plane-access.ts";

/** How a person says each setting of an access, by program: a message must name what there is. */
export interface AccessNames {
  readonly ca: string;
  /** Where `system` stands for a file. */
  readonly systemCa: string;
  readonly pair: string;
  readonly serverName: string;
  readonly insecure: string;
}

export const ACCESS_NAMES: Readonly<Record<AccessProgram, AccessNames>> = {
  verb: {
    ca: "--ca FILE",
    systemCa: "--ca system",
    pair: "--cert FILE and --key FILE",
    serverName: "--server-name",
    insecure: "--insecure",
  },
  agent: {
    ca: "--control-plane-tls-ca FILE",
    systemCa: "--control-plane-tls-ca system",
    pair: "--control-plane-tls-cert FILE and --control-plane-tls-key FILE",
    serverName: "--control-plane-tls-server-name",
    insecure: "--insecure",
  },
  library: {
    ca: "tls: { ca: FILE }",
    systemCa: 'tls: { ca: "system" }',
    pair: "tls: { cert: FILE, key: FILE }",
    serverName: "tls: { serverName }",
    insecure: "insecure: true",
  },
};
