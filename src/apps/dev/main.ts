import { runAgent } from "../agent/main.ts";
import { runServer } from "../control-plane/main.ts";
import type { DevConfig } from "./config.ts";

/** Both programs in one process, and where each listens. */
export interface RunningDev {
  readonly server: {
    readonly grpcAddress: string;
    readonly adminAddress: string;
    readonly isTls: boolean;
  };
  readonly agent: {
    readonly listenAddress: string;
    readonly adminAddress: string;
    readonly isTls: boolean;
  };
  /** Reads tokens and certificates again. @throws MeshError when they cannot be used. */
  reload(): void;
  /** The agent first, which says goodbye to the control plane. */
  stop(): Promise<void>;
}

/** Starts the control plane, then an agent that uses it. When the agent cannot start, neither stays. */
export async function runDev(config: DevConfig, softwareVersion: string): Promise<RunningDev> {
  const server = await runServer(config.server, softwareVersion);
  try {
    // With port 0 only the running server knows where it listens.
    const agent = await runAgent(
      { ...config.agent, controlPlane: [server.grpcAddress] },
      softwareVersion,
    );
    return {
      server,
      agent,
      reload() {
        server.reload();
        agent.reload();
      },
      async stop() {
        await agent.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}
