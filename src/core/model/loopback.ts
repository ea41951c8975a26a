/** Whether only this machine can reach `host:port`. A name that somebody else resolves is not loopback. */
export function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(":"));
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
