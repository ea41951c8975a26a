import { writeFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import { FinishedCalls } from "../../src/io/grpc/finished-calls.ts";
import { HealthRegistry } from "../../src/io/grpc/health.ts";
import { type RunningGrpcServer, startGrpcServer } from "../../src/io/grpc/server.ts";
import { weirServices } from "../../src/io/grpc/weir-services.ts";
import {
  type ListenerSecuritySettings,
  type OpenListenerSecurity,
  openListenerSecurity,
} from "../../src/io/listener-security.ts";
import { systemClock } from "../../src/io/system-clock.ts";
import type { Principal } from "../../src/ports/authorizer.ts";
import { aControlPlane, quietLog } from "./control-plane.ts";
import { FakeClock } from "./fake-clock.ts";

/** A control plane's gRPC port as it is secured in earnest. */
export interface SecureServer extends RunningGrpcServer {
  readonly security: OpenListenerSecurity;
  /** How calls ended. */
  readonly finished: FinishedCalls;
  /** Of every call that was allowed, in order. */
  readonly principals: readonly Principal[];
}

/** Serves until the test is done. */
export async function aSecureServer(
  settings: Partial<ListenerSecuritySettings>,
): Promise<SecureServer> {
  const security = openListenerSecurity({ tls: {}, ...settings }, systemClock, quietLog);
  const plane = aControlPlane(new FakeClock());
  const principals: Principal[] = [];
  const services = weirServices({
    registry: plane.replica,
    watches: plane.watches,
    admin: plane.admin,
    policies: plane.policies,
    authorizer: {
      refusal(principal) {
        principals.push(principal);
        return undefined;
      },
    },
    health: new HealthRegistry(),
  });
  const finished = new FinishedCalls();
  const server = await startGrpcServer("127.0.0.1:0", services, security, finished);
  onTestFinished(async () => {
    security.stop();
    await server.stop();
  });
  return { ...server, security, finished, principals };
}

/** @returns the path of a file that holds one token a line. */
export function writeTokens(path: string, ...lines: readonly string[]): string {
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  return path;
}
