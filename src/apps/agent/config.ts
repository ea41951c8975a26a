import {
  parseSettings,
  type SettingSource,
  type SettingViolation,
  settingsError,
} from "../../config/parse-settings.ts";
import { securityViolations } from "../../config/security-fields.ts";
import { isLoopback } from "../../core/model/loopback.ts";
import type { PathRoute } from "../../core/routing/match.ts";
import type { LocalInstance } from "../../data-plane/local-instance.ts";
import { localInstances } from "../../data-plane/local-instances.ts";
import { splitServiceName, type WatchPlan, watchPlan } from "../../data-plane/settings.ts";
import { joinedInstance } from "./config-joined.ts";
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
  const { namespace, listen, admin } = settings;
  const exposed = [...securityViolations(settings, { listen, admin }), ...exposedToken(settings)];
  if (exposed.length > 0) throw settingsError(exposed, placeOf);
  const joined = joinedInstance(flags);
  const entries = joined === undefined ? settings.instances : [...settings.instances, joined];
  const { instances, violations } = localInstances(entries, namespace, settings.locality);
  if (violations.length > 0) {
    const isJoined = (path: readonly PropertyKey[]) => path[1] === settings.instances.length;
    throw settingsError(violations, (path) => (isJoined(path) ? "--service" : placeOf(path)));
  }
  return {
    ...settings,
    ...watchPlan(settings),
    instances,
    routes: settings.routes.map(({ pathPrefix, service, stripPrefix }) => ({
      pathPrefix,
      stripPrefix,
      ...splitServiceName(service, namespace),
    })),
    sources: joined === undefined ? sources : sources.map((of) => withJoined(of, entries)),
  };
}

/** A token that every router on the way to the control plane could read. */
function exposedToken(settings: AgentSettings): SettingViolation[] {
  const { controlPlaneTokenFile, controlPlaneTls, controlPlane, insecure } = settings;
  const isTls = controlPlaneTls.ca !== undefined || controlPlaneTls.cert !== undefined;
  const far = controlPlane.find((address) => !isLoopback(address));
  if (controlPlaneTokenFile === undefined || isTls || insecure || far === undefined) return [];
  const description =
    `the token would cross the network to ${far} in plaintext; ` +
    "use TLS (--control-plane-tls-ca FILE), or --insecure if that network is trusted";
  return [{ path: ["controlPlaneTokenFile"], description }];
}

function withJoined(of: SettingSource, entries: readonly unknown[]): SettingSource {
  if (of.name !== "instances") return of;
  const source = of.source === "default" ? "--service" : `${of.source}, --service`;
  return { ...of, value: entries, source };
}
