import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { BearerTokens } from "../../ports/bearer-tokens.ts";

/** Guessing 16 characters takes longer than anybody lives. */
const MIN_TOKEN_LENGTH = 16;

/** Who needs more needs certificates. */
const MAX_TOKENS = 1_000;

/** What HTTP allows in a header after `Bearer`. Source: RFC 6750, 2.1. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/;

/** Of a token that its file gives no name. */
const UNNAMED = "token";

/** One line of a token file. */
export interface NamedToken {
  readonly name: string;
  readonly token: string;
}

/**
 * Reads `TOKEN` or `NAME:TOKEN`, one a line; `#` begins a comment. Several tokens are all accepted,
 * so that a rotation has an overlap.
 *
 * @param from for messages: the file, or the variable.
 * @throws MeshError INVALID_ARGUMENT that names the line, never the token.
 */
export function parseTokens(text: string, from: string): NamedToken[] {
  const tokens: NamedToken[] = [];
  text.split(/\r?\n/).forEach((line, i) => {
    const entry = line.trim();
    if (entry === "" || entry.startsWith("#")) return;
    const bad = (why: string) => {
      return new MeshError("INVALID_ARGUMENT", `cannot use ${from}: line ${i + 1}: ${why}`);
    };
    const colon = entry.indexOf(":");
    const name = colon < 0 ? UNNAMED : entry.slice(0, colon).trim();
    const token = entry.slice(colon + 1).trim();
    if (!NAME.test(name))
      throw bad("the name before the colon may have letters, digits and . _ @ -");
    if (!TOKEN.test(token)) {
      throw bad(
        "a token has letters, digits and . _ ~ + / - only; make one with: openssl rand -hex 32",
      );
    }
    if (token.length < MIN_TOKEN_LENGTH) {
      throw bad(
        `a token needs ${MIN_TOKEN_LENGTH} characters; make one with: openssl rand -hex 32`,
      );
    }
    tokens.push({ name, token });
  });
  if (tokens.length === 0) {
    const why = "it holds no token; write one a line, for example from: openssl rand -hex 32";
    throw new MeshError("INVALID_ARGUMENT", `cannot use ${from}: ${why}`);
  }
  if (tokens.length > MAX_TOKENS) {
    throw new MeshError("INVALID_ARGUMENT", `cannot use ${from}: more than ${MAX_TOKENS} tokens`);
  }
  return tokens;
}

/** Tokens that are accepted. Only their digests are kept. */
export class TokenList implements BearerTokens {
  /** Digests of equal length compare in constant time; salted, so that none can be prepared. */
  readonly #salt = randomBytes(16);
  readonly #accepted: readonly { readonly name: string; readonly digest: Buffer }[];

  constructor(tokens: readonly NamedToken[]) {
    this.#accepted = tokens.map(({ name, token }) => ({ name, digest: this.#digest(token) }));
  }

  nameOf(token: string): string | undefined {
    const digest = this.#digest(token);
    let found: string | undefined;
    // All of them, always: where a match stands shows in the time it takes otherwise.
    for (const { name, digest: other } of this.#accepted) {
      if (timingSafeEqual(digest, other)) found ??= name;
    }
    return found;
  }

  #digest(token: string): Buffer {
    return createHash("sha256").update(this.#salt).update(token).digest();
  }
}
