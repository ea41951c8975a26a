import type { SettingSource } from "../../config/parse-settings.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { CliContext } from "./context.ts";
import { agentLines, devLines, serverLines } from "./program-lines.ts";
import type { Configured, Flags, Programs, Setting } from "./programs.ts";
import { startWithCommand } from "./run-command.ts";

/** What doors need of the machine, beside what every verb has. */
export interface DoorOptions {
  readonly context: CliContext;
  /** @throws Error as `node:fs` does. */
  readonly readText: (path: string) => string;
}

type Input = {
  readonly flags: Flags;
  readonly env: CliContext["env"];
  readonly file?: { readonly path: string; readonly text: string };
};

/**
 * Where `weir` enters its other programs. Each is loaded when it is run: their packages would make
 * every other verb slow.
 */
export function programDoors({ context, readText }: DoorOptions): Programs {
  const inputOf = ({ config, ...flags }: Flags): Input => {
    const { env } = context;
    const path = config ?? env["WEIR_CONFIG"];
    if (typeof path !== "string" || path === "") return { flags, env };
    return { flags, env, file: { path, text: readSettings(readText, path) } };
  };
  return {
    async server(flags) {
      const { serverConfigFrom } = await import("../control-plane/config.ts");
      const { settings, sources } = serverConfigFrom({ flags, env: context.env });
      return configured(sources, context.env, async () => {
        const { runServer } = await import("../control-plane/main.ts");
        const server = await runServer(settings, context.version);
        return {
          lines: serverLines(server),
          stop: () => server.stop(),
          ended: server.ended,
          reload: async () => server.reload(),
        };
      });
    },
    async agent(flags, command) {
      const { agentConfigFrom } = await import("../agent/config.ts");
      const { flags: typed, env, file } = inputOf(flags);
      const config = agentConfigFrom({
        flags: typed,
        env,
        fileText: file?.text,
        filePath: file?.path,
      });
      return configured(config.sources, context.env, async () => {
        const { runAgent } = await import("../agent/main.ts");
        const agent = await runAgent(config, context.version);
        const running = {
          lines: agentLines(agent),
          stop: () => agent.stop(),
          reload: async () => agent.reload(),
        };
        return startWithCommand({ context, agent, running, command });
      });
    },
    async dev(flags) {
      const { devConfigFrom } = await import("../dev/config.ts");
      const config = devConfigFrom(inputOf(flags));
      return configured(config.sources, context.env, async () => {
        const { runDev } = await import("../dev/main.ts");
        const dev = await runDev(config, context.version);
        return {
          lines: devLines(dev),
          stop: () => dev.stop(),
          reload: async () => dev.reload(),
        };
      });
    },
  };
}

function configured(
  sources: readonly SettingSource[],
  env: CliContext["env"],
  start: Configured["start"],
): Configured {
  return { settings: [...sources.map(settingOf), ...tokenOf(env)], start };
}

/** The one setting that is itself a secret: that it is there is shown, what it is never. */
function tokenOf(env: CliContext["env"]): Setting[] {
  const isSet = env["WEIR_TOKEN"] !== undefined && env["WEIR_TOKEN"] !== "";
  return isSet ? [{ name: "token", value: "(set, not shown)", source: "WEIR_TOKEN" }] : [];
}

function settingOf({ name, value, source }: SettingSource): Setting {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return { name, value: text, source };
}

/** @throws MeshError INVALID_ARGUMENT that names the file. */
function readSettings(readText: DoorOptions["readText"], path: string): string {
  try {
    return readText(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new MeshError("INVALID_ARGUMENT", `cannot read the settings file ${path}: ${why}`);
  }
}
