/** How a program gets in to its control plane. With none of them: plaintext, without a token. */
export interface ControlPlaneAccessSettings {
  /** TLS: the file of the CA that signed the server's certificate, or `system`. */
  readonly ca?: string | undefined;
  /** Files of a client certificate and its key, both or none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name in the server's certificate, where it differs from the address. */
  readonly serverName?: string | undefined;
  /** Wins over `token`. Its first token is shown. */
  readonly tokenFile?: string | undefined;
  readonly token?: string | undefined;
  /** Lets a token cross a network that is trusted in plaintext. */
  readonly insecure?: boolean | undefined;
  /** Whose names of these settings a message uses; `verb` when not said. */
  readonly program?: AccessProgram;
}

/** A verb of the command line, an agent, or a program that uses the library. */
export type AccessProgram = "verb" | "agent" | "library";
