import type { CliContext, StopSignal } from "../../src/apps/cli/context.ts";
import { runCli } from "../../src/apps/cli/program.ts";
import type { Configured, Flags, Programs } from "../../src/apps/cli/programs.ts";
import type { ServicePolicy } from "../../src/core/policies/service-policy.ts";
import type { ControlPlaneAccessSettings } from "../../src/ports/control-plane-access.ts";
import { FakeCheckProbe } from "./fake-check-probe.ts";
import { FakeClock } from "./fake-clock.ts";
import { FakeControlPlaneApi } from "./fake-control-plane-api.ts";

/** A terminal, a control plane and a keyboard for tests of the command line. */
export class FakeCli {
  readonly api = new FakeControlPlaneApi();
  /** Who answers at other addresses than the first one. */
  readonly others = new Map<string, FakeControlPlaneApi>();
  readonly probe = new FakeCheckProbe();
  readonly clock = new FakeClock();
  /** Texts that exist. */
  readonly files = new Map<string, string>();
  /** What a server's policy file holds. */
  kept: ServicePolicy[] = [];
  readonly env: Record<string, string | undefined> = {};
  /** What was printed for programs and for people. */
  out = "";
  said = "";
  /** Addresses that were connected to. */
  readonly connected: string[] = [];
  /** How the last connection got in. */
  access: ControlPlaneAccessSettings = {};
  /** What the programs were started with. */
  readonly started: {
    readonly program: string;
    readonly flags: Flags;
    readonly command: readonly string[];
  }[] = [];
  /** What every program is found to be configured as. */
  configured: Configured | Error = new Error("a test that starts a program says what happens then");
  agentIsReady = true;
  press: (signal: StopSignal) => void = () => undefined;
  hangUp: () => void = () => undefined;

  /** Runs one command line, written as in a shell without quotes. @returns its exit code. */
  run(line: string): Promise<number> {
    return runCli(line.split(" "), this.#context(), this.#programs());
  }

  #context(): CliContext {
    const stopped = new Promise<StopSignal>((resolve) => {
      this.press = resolve;
    });
    return {
      env: this.env,
      clock: this.clock,
      version: "1.2.3",
      newId: () => "process-1",
      terminal: {
        hasColours: false,
        out: (text) => {
          this.out += text;
        },
        say: (text) => {
          this.said += `${text}\n`;
        },
      },
      signals: {
        stop: () => stopped,
        onHangup: (listener) => {
          this.hangUp = listener;
        },
      },
      connect: async (address, access) => {
        this.connected.push(address);
        this.access = access;
        return this.others.get(address) ?? this.api;
      },
      checkProbe: async () => this.probe,
      readText: async (path) => this.files.get(path) ?? "",
      readPolicies: async () => this.kept,
      agentReadiness: async () => ({ isReady: this.agentIsReady, text: "no control plane yet\n" }),
    };
  }

  #programs(): Programs {
    const configure =
      (program: string) =>
      async (flags: Flags, command: readonly string[] = []) => {
        this.started.push({ program, flags, command });
        if (this.configured instanceof Error) throw this.configured;
        return this.configured;
      };
    return { server: configure("server"), agent: configure("agent"), dev: configure("dev") };
  }
}
