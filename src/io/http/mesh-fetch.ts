import {
  type Dispatcher,
  fetch,
  Request,
  type RequestInfo,
  type RequestInit,
  type Response,
} from "undici";
import { MeshError } from "../../core/model/mesh-error.ts";

/** As the platform's `fetch`, for the mesh and for everything else. */
export type MeshFetch = (
  input: RequestInfo | globalThis.Request,
  init?: RequestInit,
) => Promise<Response>;

/** A `fetch` through that dispatcher. Rejects with the MeshError itself where the mesh is why. */
export function meshFetch(dispatcher: Dispatcher): MeshFetch {
  return (input, init) => fetch(ownRequest(input), { ...init, dispatcher }).catch(raise);
}

function raise(error: unknown): never {
  const cause = error instanceof TypeError ? error.cause : undefined;
  throw cause instanceof MeshError ? cause : error;
}

/** The platform's Request is of another copy of the same code, which this one does not recognise. */
function ownRequest(input: RequestInfo | globalThis.Request): RequestInfo {
  if (!(input instanceof globalThis.Request)) return input;
  const { method, headers, body, redirect, signal } = input;
  const init = { method, headers: [...headers], redirect, signal };
  return new Request(input.url, body === null ? init : { ...init, body, duplex: "half" });
}
