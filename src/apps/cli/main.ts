#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { MeshError } from "../../core/model/mesh-error.ts";
import { systemClock } from "../../io/system-clock.ts";
import type { ControlPlaneAccessSettings } from "../../ports/control-plane-access.ts";
import type { ControlPlaneApi } from "../../ports/control-plane-api.ts";
import type { CliContext, StopSignal } from "./context.ts";
import { runCli } from "./program.ts";
import { programDoors } from "./program-doors.ts";

/** Everything was said and done by then: what still holds the process is a connection that does not close. */
const LINGER_MS = 1_000;

/** One Ctrl-C comes twice below npm: from the terminal, and from npm, which passes it on. Nobody insists this fast. */
const SAME_SIGNAL_MS = 300;

/** As shells count: 128 + the signal's number. */
const SIGNAL_EXITS: Readonly<Record<StopSignal, number>> = { SIGINT: 130, SIGTERM: 143 };

function hasColours(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return process.stdout.isTTY === true && !NO_COLOR && TERM !== "dumb";
}

function readVersion(): string {
  const file = new URL("../../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** The first signal asks, the second one insists. */
function stop(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let askedAtMs: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => {
        const nowMs = systemClock.nowMs();
        askedAtMs ??= nowMs;
        if (nowMs - askedAtMs > SAME_SIGNAL_MS) process.exit(SIGNAL_EXITS[signal]);
        resolve(signal);
      });
    }
  });
}

/** Loaded when it is needed: `weir version` answers in a tenth of the time without gRPC. */
async function connect(
  address: string,
  settings: ControlPlaneAccessSettings,
): Promise<ControlPlaneApi> {
  const [{ connectApi }, { controlPlaneAccess }] = await Promise.all([
    import("../../io/grpc/api-client.ts"),
    import("../../io/control-plane-access.ts"),
  ]);
  return connectApi(address, controlPlaneAccess(settings, systemClock, await log()));
}

async function agentReadiness(address: string, { ca, cert, key }: ControlPlaneAccessSettings) {
  const [{ agentReadiness: ask }, { ClientCertificateFiles }] = await Promise.all([
    import("../../io/http/agent-readiness.ts"),
    import("../../io/tls/client-certificates.ts"),
  ]);
  const isTls = ca !== undefined || cert !== undefined;
  const files = isTls && new ClientCertificateFiles({ ca, cert, key }, systemClock, await log());
  return ask(address, files ? files.current() : undefined);
}

async function readText(path: string): Promise<string> {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MeshError("INVALID_ARGUMENT", `cannot read ${path}: ${why}`);
  }
}

async function log() {
  return (await import("../../io/pino-log.ts")).pinoLog("warn", "weir");
}

const context: CliContext = {
  env: process.env,
  clock: systemClock,
  version: readVersion(),
  newId: () => crypto.randomUUID(),
  terminal: {
    hasColours: hasColours(),
    out: (text) => void process.stdout.write(text),
    say: (line) => void process.stderr.write(`${line}\n`),
  },
  signals: { stop, onHangup: (listener) => void process.on("SIGHUP", listener) },
  connect,
  checkProbe: async () => (await import("../../io/probe/check-probe.ts")).socketCheckProbe,
  readText,
  readPolicies: async (path) =>
    (await import("../../io/file/policy-store.ts")).readPolicyFile(path),
  agentReadiness,
};

// `weir watch orders | head` ends the pipe, not the world.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

// Our own mistakes end the process, rejected promises included: a supervisor starts it anew, and
// clients and agents are made for that. 70 is EX_SOFTWARE. Source: sysexits.h.
process.on("uncaughtException", (error) => {
  process.stderr.write(`weir: internal error, please report it: ${error.stack ?? error.message}\n`);
  process.exit(70);
});

const programs = programDoors({
  context,
  readText: (path) => readFileSync(path, "utf8"),
});
process.exitCode = await runCli(process.argv.slice(2), context, programs);
setTimeout(() => process.exit(), LINGER_MS).unref();
