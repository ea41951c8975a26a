import { readFileSync } from "node:fs";
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "nats";
import type { NatsServer, NatsSettings } from "./nats-settings.ts";

/** No secret is longer; a device file would never end. */
const MAX_BYTES = 64 * 1024;

/** A secret cannot be used. The message names the file, never what it holds. */
export class NatsSecretError extends Error {
  override readonly name = "NatsSecretError";
}

/**
 * Who we say we are to `server`: read now, so that replaced files are used at the next connect.
 * @throws NatsSecretError
 */
export function authenticatorFor(
  settings: NatsSettings,
  server: NatsServer,
): Authenticator | undefined {
  const { credsFile, nkeyFile, user, passwordFile, tokenFile } = settings;
  if (credsFile !== undefined) {
    // Its parser wants a line end behind the last dashes.
    return tried(
      credsFile,
      "a .creds file",
      credsAuthenticator(bytes(`${readSecret(credsFile)}\n`)),
    );
  }
  if (nkeyFile !== undefined) {
    return tried(nkeyFile, "the seed of an nkey", nkeyAuthenticator(bytes(readSecret(nkeyFile))));
  }
  if (passwordFile !== undefined) {
    return usernamePasswordAuthenticator(user ?? "", readSecret(passwordFile));
  }
  if (tokenFile !== undefined) return tokenAuthenticator(readSecret(tokenFile));
  if (server.user !== undefined) {
    return usernamePasswordAuthenticator(server.user, server.password);
  }
  return server.token === undefined ? undefined : tokenAuthenticator(server.token);
}

/** A broken seed would throw inside the reading of the connection: it is used once before. */
function tried(path: string, what: string, authenticator: Authenticator): Authenticator {
  try {
    authenticator("trial");
  } catch {
    throw new NatsSecretError(`${path} holds no ${what.replace(/^(a|the) /, "")}: check the file`);
  }
  return authenticator;
}

function readSecret(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new NatsSecretError(
      `cannot read ${path} (${code}): check the path, and that this process's user may read it`,
    );
  }
  if (text === "") throw new NatsSecretError(`${path} is empty`);
  if (text.length > MAX_BYTES) throw new NatsSecretError(`${path} is larger than 64 KiB`);
  return text;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
