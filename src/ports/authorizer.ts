/** Who asks. `anonymous` on a listener without TLS and without a token. */
export interface Principal {
  readonly name: string;
  /** `host:port` of the connection, for the audit line. */
  readonly peer: string;
}

/** What somebody wants to do. */
export type Verb = "register" | "deregister" | "drain" | "list" | "watch" | "policy" | "admin";

/** Decides who may do what. `service` is `"*"` for a whole namespace, `namespace` is `"*"` for all. */
export interface Authorizer {
  /** @returns `undefined` when allowed, otherwise the sentence that the caller gets to read. */
  refusal(principal: Principal, verb: Verb, namespace: string, service: string): string | undefined;
}
