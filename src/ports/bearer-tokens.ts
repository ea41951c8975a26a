/** Knows the tokens that a listener accepts. */
export interface BearerTokens {
  /**
   * Takes the same time for every wrong token.
   *
   * @returns whose it is, `"token"` for one without a name; `undefined` when it is not accepted.
   */
  nameOf(token: string): string | undefined;
}

/** The token that a client shows: read for each call. @throws MeshError when its file cannot be used. */
export type TokenSource = () => string | undefined;
