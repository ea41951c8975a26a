import type { BearerTokens, TokenSource } from "../../ports/bearer-tokens.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Log } from "../../ports/log.ts";
import { readSecretFile } from "./file-error.ts";
import { ReloadingFiles } from "./reloading-files.ts";
import { type NamedToken, parseTokens, TokenList } from "./token-list.ts";

/** Where the tokens come from; both together are both accepted. */
export interface TokenSettings {
  readonly tokenFile?: string | undefined;
  /** One token, or `NAME:TOKEN`: from a variable, never from a command line, which everybody can read. */
  readonly token?: string | undefined;
}

const VARIABLE = "WEIR_TOKEN";

/** The tokens that a listener accepts; a replaced file is used within a second or two. */
export class TokenFiles implements BearerTokens {
  readonly #files: ReloadingFiles<TokenList>;

  /** @throws MeshError INVALID_ARGUMENT that names the file and the line, never a token. */
  constructor(settings: TokenSettings, clock: Clock, log: Log) {
    const { tokenFile } = settings;
    this.#files = new ReloadingFiles({
      paths: tokenFile === undefined ? [] : [tokenFile],
      read: () => new TokenList(readTokens(settings)),
      clock,
      log,
    });
    if (tokenFile !== undefined) this.#files.watch();
  }

  nameOf(token: string): string | undefined {
    return this.#files.value.nameOf(token);
  }

  /** @throws MeshError when the file cannot be used; the last good tokens stay. */
  reload(): void {
    this.#files.reload();
  }

  stop(): void {
    this.#files.stop();
  }
}

/** The first token of a file, or the one of a variable: what a client shows. The file is looked at for each call. */
export function tokenSource(settings: TokenSettings, clock: Clock, log: Log): TokenSource {
  const { tokenFile, token } = settings;
  if (tokenFile === undefined && token === undefined) return () => undefined;
  const files = new ReloadingFiles({
    paths: tokenFile === undefined ? [] : [tokenFile],
    // Who names a file means the file, whatever a variable says beside it.
    read: () => readTokens(tokenFile === undefined ? { token } : { tokenFile })[0]?.token,
    clock,
    log,
  });
  return () => {
    files.look();
    return files.value;
  };
}

function readTokens({ tokenFile, token }: TokenSettings): NamedToken[] {
  const fromFile = tokenFile === undefined ? [] : parseTokens(readSecretFile(tokenFile), tokenFile);
  return token === undefined ? fromFile : [...fromFile, ...parseTokens(token, VARIABLE)];
}
