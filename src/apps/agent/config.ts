import { parseSettings, type SettingSource, settingsError } from "../../config/parse-settings.ts";
import type { PathRoute } from "../../core/routing/match.ts";
import type { LocalInstance } from "../../data-plane/local-instance.ts";
import { localInstances } from "../../data-plane/local-instances.ts";
import { splitServiceName, type WatchPlan, watchPlan } from "../../data-plane/settings.ts";
import { type AgentSettings, agentSchema } from "./config-schema.ts";

/** What one agent runs with. */
export interface AgentConfig
  extends Omit<AgentSettings, "instances" | "routes" | "subscribe" | "services">,
    WatchPlan {
  readonly instances: readonly LocalInstance[];
  readonly routes: readonly PathRoute[];
  /** Every effective value and where it came from, for `weir config`. */
  readonly sources: readonly SettingSource[];
}

export interface AgentConfigInput {
  /** By camel-case name, as commander gives them; `undefined` is not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly fileText?: string | undefined;
  /** As the user named it, for messages. */
  readonly filePath?: string | undefined;
}

/** @throws MeshError INVALID_ARGUMENT that lists every problem with its place and its fix. */
export function agentConfigFrom(input: AgentConfigInput): AgentConfig {
  const { flags, env, fileText, filePath = "configuration" } = input;
  const file = fileText === undefined ? undefined : { text: fileText, path: filePath };
  const { settings, sources, placeOf } = parseSettings(agentSchema, { flags, env, file });
  const { namespace } = settings;
  const { instances, violations } = localInstances(
    settings.instances,
    namespace,
    settings.locality,
  );
  if (violations.length > 0) throw settingsError(violations, placeOf);
  return {
    ...settings,
    ...watchPlan(settings),
    instances,
    routes: settings.routes.map(({ pathPrefix, service, stripPrefix }) => ({
      pathPrefix,
      stripPrefix,
      ...splitServiceName(service, namespace),
    })),
    sources,
  };
}
