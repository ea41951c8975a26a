/**
 * The first line of a request and its Host header, brought into one form. Source: RFC 9112, 3.2.
 */

/** `host` may be empty (HTTP/1.0 without Host); `path` starts with a slash and holds the query. */
export interface RequestTarget {
  readonly host: string;
  readonly path: string;
}

/** What an authority may hold: names, IPv4, bracketed IPv6, a port. No user part, no lists. */
const AUTHORITY = /^(?:[A-Za-z0-9._~!$&'()*+;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?$/;

/** DNS allows 253 characters; the rest is room for a port. */
const MAX_AUTHORITY_LENGTH = 260;

const HTTP_SCHEME = "http://";

/**
 * Accepts origin-form (`/x`) and absolute-form (`http://orders.weir/x`, what a client sends to
 * its `http_proxy`), where the target's authority replaces the Host header.
 *
 * @param hostHeader `""` when the client sent none.
 * @returns a sentence saying what is wrong with a request that must be refused with 400.
 */
export function requestTarget(target: string, hostHeader: string): RequestTarget | string {
  if (hostHeader !== "" && !isAuthority(hostHeader)) {
    return "the Host header is not a host name with an optional port";
  }
  if (target.startsWith("/")) return { host: hostHeader, path: target };
  if (target.slice(0, HTTP_SCHEME.length).toLowerCase() === HTTP_SCHEME) {
    return absoluteTarget(target.slice(HTTP_SCHEME.length));
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) {
    return "only http:// can be requested in absolute form: services are reached by their plain name";
  }
  return "the request target must be a path or an http:// URL";
}

function absoluteTarget(rest: string): RequestTarget | string {
  const end = rest.search(/[/?#]/);
  const host = end === -1 ? rest : rest.slice(0, end);
  if (!isAuthority(host)) return "the URL's host is not a host name with an optional port";
  const path = end === -1 ? "/" : rest.slice(end);
  return { host, path: path.startsWith("/") ? path : `/${path}` };
}

function isAuthority(text: string): boolean {
  return text.length <= MAX_AUTHORITY_LENGTH && AUTHORITY.test(text);
}
