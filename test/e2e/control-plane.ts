import { join } from "node:path";
import { type ClientUnaryCall, credentials, type ServiceError } from "@grpc/grpc-js";
import { AdminServiceClient, type GetStatusResponse } from "../../src/gen/weir/v1/admin.ts";
import { RegistryServiceClient } from "../../src/gen/weir/v1/registry.ts";
import { freePort } from "../support/free-port.ts";
import { waitUntil } from "../support/wait-until.ts";
import type { Program, Stage } from "./stage.ts";

const START_TIMEOUT_MS = 20_000;

/** The server settles after 30 s at most; the rest is patience with a busy machine. */
const SETTLE_TIMEOUT_MS = 60_000;

export interface ControlPlane {
  readonly address: string;
  readonly registry: RegistryServiceClient;
  readonly admin: AdminServiceClient;
  readonly program: () => Program;
  /** Starts it again on the same ports with the same state directory, once the former process has ended. */
  restart(): Promise<void>;
}

export interface ControlPlaneOptions {
  /** `--settle-after`, for runs that do not want to wait for the default. */
  readonly settleAfter?: string | undefined;
}

/** Starts one replica and waits until it serves. */
export async function startControlPlane(
  stage: Stage,
  options: ControlPlaneOptions = {},
): Promise<ControlPlane> {
  const address = `127.0.0.1:${await freePort()}`;
  const adminAddress = `127.0.0.1:${await freePort()}`;
  const args = ["server", "--listen", address, "--admin", adminAddress];
  args.push("--state-dir", join(stage.directory, "server"));
  if (options.settleAfter !== undefined) args.push("--settle-after", options.settleAfter);
  let program: Program;
  const start = async (): Promise<void> => {
    program = stage.weir("server", args);
    await waitUntil(`the server answers on ${adminAddress}`, START_TIMEOUT_MS, async () => {
      return (await fetch(`http://${adminAddress}/healthz`)).ok;
    });
  };
  await start();
  // grpc-js waits up to two minutes between connects; a server that is back is wanted at once.
  const patience = {
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 1_000,
  };
  const registry = new RegistryServiceClient(address, credentials.createInsecure(), patience);
  const admin = new AdminServiceClient(address, credentials.createInsecure(), patience);
  stage.onClose(() => {
    registry.close();
    admin.close();
    return undefined;
  });
  return { address, registry, admin, program: () => program, restart: start };
}

/** A unary call as a promise: `answer((callback) => client.method(request, callback))`. */
export function answer<Response>(
  start: (callback: (error: ServiceError | null, response: Response) => void) => ClientUnaryCall,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    start((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

export function status(plane: ControlPlane): Promise<GetStatusResponse> {
  return answer((callback) => plane.admin.getStatus({}, callback));
}

/** Until it is settled, no drain is answered SAFE. */
export async function waitUntilSettled(plane: ControlPlane): Promise<void> {
  await waitUntil(
    "the server is settled",
    SETTLE_TIMEOUT_MS,
    async () => (await status(plane)).settled,
  );
}
