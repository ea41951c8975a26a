import { MeshError, type MeshErrorCode } from "../../core/model/mesh-error.ts";
import type { ConnectionNews } from "../../data-plane/connection-loop.ts";
import type { DataPlane } from "../../data-plane/data-plane.ts";
import type { Clock } from "../../ports/clock.ts";
import type { MeshConfig } from "./options.ts";
import { abortable } from "./waiting.ts";

export interface ReadyOptions {
  readonly plane: DataPlane;
  readonly config: MeshConfig;
  readonly clock: Clock;
  /** Has its listener told of the connection. */
  readonly follow: (listener: (news: ConnectionNews) => void) => void;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

const CODES: Readonly<Record<string, MeshErrorCode>> = {
  UNAUTHENTICATED: "UNAUTHENTICATED",
  PERMISSION_DENIED: "PERMISSION_DENIED",
};

/**
 * Resolves when a control plane has answered, and everything that was subscribed to up front is
 * known; at once when an earlier run saved all of that.
 * @throws MeshError UNREACHABLE, TIMEOUT, UNAUTHENTICATED or PERMISSION_DENIED; the signal's reason.
 */
export async function whenReady(options: ReadyOptions): Promise<void> {
  const { plane, config, clock, follow, timeoutMs, signal } = options;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stops = [clock.after(timeoutMs, () => reject(notInTime(plane, config, timeoutMs)))];
  const look = () => {
    if (isReady(plane, config)) resolve();
  };
  follow((news) => {
    if (news.isRefused) reject(refused(news));
    else look();
  });
  for (const entry of plane.table.entries()) stops.push(plane.table.follow(entry, look));
  look();
  try {
    await abortable(promise, signal);
  } finally {
    for (const stop of stops) stop();
  }
}

function isReady({ table, connection }: DataPlane, { subscribe }: MeshConfig): boolean {
  const isKnown = subscribe.every(
    ({ namespace, service }) => table.lookup(namespace, service) !== undefined,
  );
  return isKnown && (connection.isConnected || subscribe.length > 0);
}

function notInTime(plane: DataPlane, config: MeshConfig, timeoutMs: number): MeshError {
  const { isConnected, address, problem } = plane.connection;
  const after = `within ${timeoutMs / 1_000} s`;
  if (isConnected) {
    return new MeshError(
      "TIMEOUT",
      `the control plane at ${address} said nothing of ${missing(plane, config)} ${after}: try again, or look at its log`,
    );
  }
  const where = config.controlPlane.join(", ");
  const why = problem === "" ? "no answer" : problem;
  return new MeshError(
    "UNREACHABLE",
    `no control plane answered at ${where} ${after} (${why}): start one with \`weir server\`, or name it with controlPlane or WEIR_CONTROL_PLANE`,
  );
}

function missing({ table }: DataPlane, { subscribe }: MeshConfig): string {
  return subscribe
    .filter(({ namespace, service }) => table.lookup(namespace, service) === undefined)
    .map(({ namespace, service }) => `${namespace}/${service}`)
    .join(", ");
}

function refused({ address, problem, reason }: ConnectionNews): MeshError {
  const advice = "check the token, the certificate and the options of Mesh.connect()";
  const code = CODES[reason] ?? "INVALID_ARGUMENT";
  return new MeshError(
    code,
    `the control plane at ${address} refuses this program: ${problem}; ${advice}`,
  );
}
