import type { Clock } from "../ports/clock.ts";
import type { ListenerSecurity } from "../ports/listener-security.ts";
import type { Log } from "../ports/log.ts";
import { CertificateFiles } from "./tls/server-certificates.ts";
import { TokenFiles } from "./tls/token-files.ts";

export interface ListenerSecuritySettings {
  readonly tls: {
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
    readonly clientCa?: string | undefined;
  };
  readonly tokenFile?: string | undefined;
  /** From the environment. */
  readonly token?: string | undefined;
}

/** The security of a program's ports, for as long as it runs. */
export interface OpenListenerSecurity extends ListenerSecurity {
  /** Reads all files now. @throws MeshError when one cannot be used; what was good stays in use. */
  reload(): void;
  stop(): void;
}

/** @throws MeshError INVALID_ARGUMENT that names the file, what is wrong with it and what to do. */
export function openListenerSecurity(
  { tls, tokenFile, token }: ListenerSecuritySettings,
  clock: Clock,
  log: Log,
): OpenListenerSecurity {
  const { cert, key, clientCa } = tls;
  const wantsTokens = tokenFile !== undefined || (token !== undefined && token !== "");
  const tokens = wantsTokens ? new TokenFiles({ tokenFile, token }, clock, log) : undefined;
  try {
    const certificates =
      cert === undefined || key === undefined
        ? undefined
        : new CertificateFiles({ cert, key, clientCa }, clock, log);
    return {
      certificates,
      tokens,
      reload() {
        certificates?.reload();
        tokens?.reload();
      },
      stop() {
        certificates?.stop();
        tokens?.stop();
      },
    };
  } catch (error) {
    tokens?.stop();
    throw error;
  }
}
