import type { SettingSource } from "../../config/parse-settings.ts";
import { type AgentConfig, agentConfigFrom } from "../agent/config.ts";
import { type ServerConfig, serverConfigFrom } from "../control-plane/config.ts";

/** What `weir dev` runs with: a control plane and an agent that belong together. */
export interface DevConfig {
  readonly server: ServerConfig;
  readonly agent: AgentConfig;
  readonly sources: readonly SettingSource[];
}

export interface DevConfigInput {
  readonly flags: Readonly<Record<string, string | boolean>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The agent's settings. */
  readonly file?: { readonly path: string; readonly text: string };
}

const DEFAULT_STATE_DIR = ".weir";

/** The only agent there is connects within a moment: nobody has to wait until absence means something. */
const SETTLE_AFTER = "2s";

/** @throws MeshError INVALID_ARGUMENT */
export function devConfigFrom({ flags, env, file }: DevConfigInput): DevConfig {
  const { serverListen, serverAdmin, stateDir, settleAfter, tokenFile, insecure, ...agentFlags } =
    flags;
  const tokens = tokenFile ?? env["WEIR_TOKEN_FILE"];
  const folder = stateDir ?? env["WEIR_STATE_DIR"] ?? DEFAULT_STATE_DIR;
  const server = serverConfigFrom({
    flags: {
      listen: serverListen,
      admin: serverAdmin,
      stateDir: `${folder}/server`,
      settleAfter: settleAfter ?? SETTLE_AFTER,
      tokenFile: tokens,
      insecure,
    },
    // Two programs cannot both listen on what WEIR_LISTEN names: variables are the agent's.
    env: {},
  });
  const agent = agentConfigFrom({
    flags: {
      ...agentFlags,
      stateDir: `${folder}/agent`,
      controlPlane: server.settings.listen,
      tokenFile: tokens,
      // One of the tokens that it asks for itself is good for its control plane.
      controlPlaneTokenFile: tokens,
      insecure,
    },
    env,
    fileText: file?.text,
    filePath: file?.path,
  });
  return {
    server: server.settings,
    agent,
    sources: [...prefixed("server", server.sources), ...prefixed("agent", agent.sources)],
  };
}

function prefixed(program: string, sources: readonly SettingSource[]): SettingSource[] {
  return sources.map((setting) => ({ ...setting, name: `${program}.${setting.name}` }));
}
