import { spawn } from "node:child_process";
import { constants } from "node:os";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { CliContext } from "./context.ts";
import { type AgentAddresses, scheme } from "./program-lines.ts";
import type { RunningProgram } from "./programs.ts";

/** How often a starting agent is asked; its command waits no longer than that without need. */
const READY_POLL_MS = 100;

/** When a person starts to wonder why nothing happens. */
const SAY_WAITING_AFTER_MS = 5_000;

export interface RunCommandOptions {
  readonly context: CliContext;
  readonly agent: AgentAddresses & {
    readiness(): { readonly isReady: boolean; readonly text: string };
  };
  readonly running: RunningProgram;
  /** Empty for none. */
  readonly command: readonly string[];
}

/**
 * Starts the command of `weir agent -- CMD` once the agent is ready. The two live and end together:
 * a signal reaches the command first, so that it still has its agent while it finishes, and the
 * agent ends with the command's exit code.
 */
export async function startWithCommand(options: RunCommandOptions): Promise<RunningProgram> {
  const { running, command, context, agent } = options;
  const [program, ...args] = command;
  if (program === undefined) return running;
  await untilReady(context, agent);
  const child = spawn(program, args, {
    stdio: "inherit",
    env: { ...context.env, WEIR_AGENT: `${scheme(agent)}://${agent.listenAddress}` },
  });
  // A second signal ends this process at once: the command must not stay behind without its agent.
  const killChild = (): void => void child.kill("SIGKILL");
  process.once("exit", killChild);
  const ended = new Promise<number>((resolve, reject) => {
    child.on("error", (error) => reject(cannotStart(program, error)));
    child.on("exit", (code, signal) => {
      process.off("exit", killChild);
      resolve(code ?? (signal === null ? 1 : 128 + constants.signals[signal]));
    });
  });
  return {
    ...running,
    ended,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
      await ended.catch(() => undefined);
      await running.stop();
    },
  };
}

async function untilReady(context: CliContext, agent: RunCommandOptions["agent"]): Promise<void> {
  const { clock, terminal } = context;
  const startedAtMs = clock.nowMs();
  let hasSaid = false;
  for (;;) {
    const { isReady, text } = agent.readiness();
    if (isReady) return;
    if (!hasSaid && clock.nowMs() - startedAtMs > SAY_WAITING_AFTER_MS) {
      hasSaid = true;
      terminal.say(`the command waits until the agent is ready: ${text.trim()}`);
    }
    await new Promise<void>((wake) => clock.after(READY_POLL_MS, wake));
  }
}

function cannotStart(program: string, error: Error): MeshError {
  return new MeshError("INTERNAL", `cannot start ${program}: ${error.message}`, { cause: error });
}
