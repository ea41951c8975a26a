/**
 * True for a host that means the machine it is used on.
 *
 * @param host with or without brackets; also an IPv4 address as a peer's socket shows it, `::ffff:127.0.0.1`.
 */
export function isThisMachine(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || /^(::ffff:)?127\./.test(bare);
}
