/** A request on the admin port: reading only. */
export interface AdminRequest {
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
}

export interface AdminResponse {
  readonly status: number;
  /** A text is sent as it is, anything else as JSON. */
  readonly body: unknown;
  /** `text/plain` for a text unless said otherwise. */
  readonly contentType?: string;
}

/** Answers by path; a path that is not there is answered with the list of those that are. */
export type AdminRoutes = Readonly<Record<string, (request: AdminRequest) => AdminResponse>>;
