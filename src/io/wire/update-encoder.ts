import type { UpdateEncoder } from "../../ports/update-encoder.ts";
import { encodeEndpoint } from "./endpoint.ts";
import { encodeUpdate } from "./update.ts";

/** The shipped encoder: each endpoint is encoded once, each update once for all watchers. */
export const updateEncoder: UpdateEncoder = {
  // A Buffer, because grpc-js copies from Buffers only; wrapped once, not once per watcher.
  encode: (update) => asBuffer(encodeUpdate(update)),
  sizeOf: (endpoint) => encodeEndpoint(endpoint).length,
};

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
