import type { ClientUnaryCall, Metadata as GrpcMetadata, ServiceError } from "@grpc/grpc-js";
import { apiError } from "./api-error.ts";
import type { ChannelAccess } from "./channel-access.ts";

/** A person waits at the terminal; a healthy control plane answers in milliseconds. */
const CALL_TIMEOUT_MS = 5_000;

/** The largest page that the API gives: fewest round trips. */
export const PAGE_SIZE = 1_000;

type Callback<Response> = (error: ServiceError | null, response: Response) => void;
type Unary<Request, Response> = (
  request: Request,
  metadata: GrpcMetadata,
  options: { deadline: number },
  callback: Callback<Response>,
) => ClientUnaryCall;

/** A unary call of a generated client's method. */
export type Call = <Request, Response>(
  method: Unary<Request, Response>,
  request: Request,
  timeoutMs?: number,
) => Promise<Response>;

/** Unary calls as promises: with a deadline, and failures in a person's words. */
export function caller(address: string, access: ChannelAccess): Call {
  return (method, request, timeoutMs = CALL_TIMEOUT_MS) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      method(request, access.metadata(address), { deadline }, (error, response) => {
        if (error === null) resolve(response);
        else void apiError(error, address, access).then(reject);
      });
    });
}

/** Follows page tokens to the end. */
export async function allPages<T>(
  page: (token: string) => Promise<{ items: readonly T[]; next: string }>,
): Promise<T[]> {
  const all: T[] = [];
  let token = "";
  do {
    const { items, next } = await page(token);
    all.push(...items);
    token = next;
  } while (token !== "");
  return all;
}
