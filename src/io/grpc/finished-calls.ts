import { status as Code } from "@grpc/grpc-js";
import type { FinishedCallCount } from "../../ports/server-host.ts";

/** Told how a call of one method ended; made once a method, so that a call costs one addition. */
export type CountEnd = (code: Code) => void;

/** gRPC's statuses are the numbers 0 to 16. Source: google/rpc/code.proto. */
const CODE_COUNT = 17;

/**
 * Counts calls that ended, by method and status. Only methods that are served are known here:
 * whatever paths strangers ask for, there are no more rows than methods times statuses.
 */
export class FinishedCalls {
  readonly #methods = new Map<string, Float64Array>();

  /** @param path as on the wire, `/weir.v1.RegistryService/Register` */
  of(path: string): CountEnd {
    const method = path.slice(1);
    const counts = this.#methods.get(method) ?? new Float64Array(CODE_COUNT);
    this.#methods.set(method, counts);
    return (code) => {
      counts[code] = (counts[code] ?? 0) + 1;
    };
  }

  /** What has happened at least once. */
  list(): FinishedCallCount[] {
    const rows = ([method, counts]: [string, Float64Array]): FinishedCallCount[] =>
      [...counts].flatMap((count, code) =>
        count === 0 ? [] : [{ method, code: Code[code] ?? "UNKNOWN", count }],
      );
    return [...this.#methods].flatMap(rows);
  }
}
