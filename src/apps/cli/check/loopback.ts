/** True for a host that means this machine. @param host with or without brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || /^(::ffff:)?127\./.test(bare);
}
