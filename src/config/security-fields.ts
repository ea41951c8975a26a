import { z } from "zod";
import { isLoopback } from "../core/model/loopback.ts";
import { flag } from "./fields.ts";
import type { SettingViolation } from "./parse-settings.ts";

/** The path of a file. */
export const filePath = z.string().min(1);

/** How a program's ports are protected: alike for every program that listens. */
export const securityShape = {
  tls: z
    .strictObject({
      cert: filePath.optional(),
      key: filePath.optional(),
      /** Clients must show a certificate that one of these CAs signed. */
      clientCa: filePath.optional(),
    })
    .prefault({}),
  /** Callers must show one of its tokens. */
  tokenFile: filePath.optional(),
  /** Allows plaintext beyond this machine. */
  insecure: flag.default(false),
};

const securitySchema = z.strictObject(securityShape);

type SecuritySettings = z.infer<typeof securitySchema>;

/** What is wrong with a program's security. @param ports address by the name of its setting. */
export function securityViolations(
  { tls, insecure }: SecuritySettings,
  ports: Readonly<Record<string, string>>,
): SettingViolation[] {
  const isTls = tls.cert !== undefined && tls.key !== undefined;
  const found: SettingViolation[] = [];
  const pair =
    "a certificate and its key go together: give both --tls-cert FILE and --tls-key FILE";
  if (tls.cert === undefined && tls.key !== undefined) {
    found.push({ path: ["tls", "key"], description: pair });
  }
  if (tls.cert !== undefined && tls.key === undefined) {
    found.push({ path: ["tls", "cert"], description: pair });
  }
  if (tls.clientCa !== undefined && !isTls) {
    const description = "asks for client certificates, which needs --tls-cert and --tls-key";
    found.push({ path: ["tls", "clientCa"], description });
  }
  if (isTls || insecure || found.length > 0) return found;
  for (const [name, address] of Object.entries(ports)) {
    if (isLoopback(address)) continue;
    const description =
      `${address} would speak plaintext beyond this machine; ` +
      "give it a certificate (--tls-cert, --tls-key), add --insecure if that network is trusted, or listen on 127.0.0.1";
    found.push({ path: [name], description });
  }
  return found;
}
