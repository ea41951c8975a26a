import type { BearerTokens } from "../../ports/bearer-tokens.ts";

const BEARER = /^Bearer +([^ ]+)$/i;
const BASIC = /^Basic +([A-Za-z0-9+/]+=*)$/i;

/** For `WWW-Authenticate`. Source: RFC 6750, 3. */
export const BEARER_CHALLENGE = 'Bearer realm="weir"';

/** For `Proxy-Authenticate`: what the authority part of `http_proxy` becomes is Basic. */
export const PROXY_CHALLENGE = 'Bearer realm="weir", Basic realm="weir"';

/** Whether `Authorization` shows a token that is accepted. */
export function showsToken(header: string | undefined, tokens: BearerTokens): boolean {
  const token = BEARER.exec(header ?? "")?.[1];
  return token !== undefined && tokens.nameOf(token) !== undefined;
}

/**
 * Whether `Proxy-Authorization` does: as Bearer, or as the password of Basic, which is all that
 * `http_proxy=http://weir:TOKEN@127.0.0.1:15001` can say.
 */
export function showsProxyToken(header: string | undefined, tokens: BearerTokens): boolean {
  if (showsToken(header, tokens)) return true;
  const basic = BASIC.exec(header ?? "")?.[1];
  if (basic === undefined) return false;
  const pair = Buffer.from(basic, "base64").toString("utf8");
  return tokens.nameOf(pair.slice(pair.indexOf(":") + 1)) !== undefined;
}
