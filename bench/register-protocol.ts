/** What the bench of registrations and its client processes tell each other. */

/** `echo` and `unary` are calls of RegistryService/Register, `attach` is batches over sessions. */
export type LoadKind = "unary" | "attach";

/** Instances `first` up to `first + count`. */
export interface Work {
  readonly kind: LoadKind;
  /** `HOST:PORT` of the server. */
  readonly address: string;
  readonly first: number;
  readonly count: number;
  readonly generation: number;
  /** Registrations in one message of a session. */
  readonly batch: number;
  /** Sessions, or the parallel calls. */
  readonly parallel: number;
}

export type RegisterCommand =
  /** Encodes the requests, so that this costs nothing while it is measured. */
  | { readonly id: number; readonly type: "prepare"; readonly work: Work }
  /** Sends what was prepared. */
  | { readonly id: number; readonly type: "run" }
  /** Opens so many sessions in all; each beats, one beat outstanding, for so long. */
  | { readonly id: number; readonly type: "beat"; readonly address: string; readonly ms: number };

/** On the machine's monotonic clock, which all processes share. Milliseconds. */
export interface Span {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Registrations or beats that were answered. */
  readonly count: number;
}

export interface RegisterAnswer {
  readonly id: number;
  readonly error?: string;
  readonly span?: Span;
}

export const REGISTER_PATH = "/weir.v1.RegistryService/Register";
export const ATTACH_PATH = "/weir.v1.RegistryService/Attach";

/** Bytes in, bytes out. */
export function identity(bytes: Buffer): Buffer {
  return bytes;
}
