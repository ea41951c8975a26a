/** Finds the addresses of host names. */
export interface NameResolver {
  /**
   * All addresses of a host, IPv4 and IPv6, as text without brackets.
   * @throws Error when it has none, or when nobody can be asked.
   */
  addresses(host: string): Promise<readonly string[]>;
}
