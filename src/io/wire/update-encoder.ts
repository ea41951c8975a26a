import type { UpdateEncoder } from "../../ports/update-encoder.ts";
import { encodeEndpoint } from "./endpoint.ts";
import { encodeUpdate } from "./update.ts";

/** The shipped encoder: each endpoint is encoded once, each update once for all watchers. */
export const updateEncoder: UpdateEncoder = {
  encode: encodeUpdate,
  sizeOf: (endpoint) => encodeEndpoint(endpoint).length,
};
