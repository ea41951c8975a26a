import { z } from "zod";
import { flag } from "../../config/fields.ts";
import { parseSettings, settingsError } from "../../config/parse-settings.ts";
import { filePath } from "../../config/security-fields.ts";
import { idField, nameField } from "../../config/word-fields.ts";
import type { Locality } from "../../core/model/instance.ts";
import { MeshError } from "../../core/model/mesh-error.ts";
import type { LocalInstance } from "../../data-plane/local-instance.ts";
import { localInstances } from "../../data-plane/local-instances.ts";
import { type DataPlaneConfig, watchPlan } from "../../data-plane/settings.ts";
import { dataPlaneShape, instanceSchema } from "../../data-plane/settings-schema.ts";

const meshSchema = z.strictObject({
  ...dataPlaneShape,
  // Names the mesh in targets like weir://NAME/orders, for programs that have several.
  name: nameField.default("default"),
  // Empty stands for the host's name and the process id: unique among agents.
  id: z.union([z.literal(""), idField]).default(""),
  // Empty keeps nothing: without a control plane at its start, the program then knows nothing.
  stateDir: z.string().default(""),
  // How the control plane is reached: files, which are looked at again for each connection.
  tls: z
    .strictObject({
      ca: filePath.optional(),
      cert: filePath.optional(),
      key: filePath.optional(),
      serverName: z.string().min(1).optional(),
    })
    .prefault({}),
  token: z.string().min(1).optional(),
  tokenFile: filePath.optional(),
  // Lets the token cross a network in plaintext.
  insecure: flag.default(false),
  // Off, because an instance that is killed may have carried out what it could not answer.
  grpc: z.strictObject({ retryUnavailable: flag.default(false) }).prefault({}),
});

/** What a program may say of its mesh: the names, units and defaults of an agent's file. */
export type MeshSettings = z.input<typeof meshSchema>;

/** What one mesh runs with. */
export type MeshConfig = Omit<z.output<typeof meshSchema>, "subscribe" | "services"> &
  DataPlaneConfig;

/** The variables that a program need not repeat. */
const VARIABLES = {
  controlPlane: "WEIR_CONTROL_PLANE",
  namespace: "WEIR_NAMESPACE",
  token: "WEIR_TOKEN",
  tokenFile: "WEIR_TOKEN_FILE",
} as const;

/** @throws MeshError INVALID_ARGUMENT that names every bad option. */
export function meshConfigFrom(
  settings: MeshSettings,
  env: Readonly<Record<string, string | undefined>>,
): MeshConfig {
  const values = settings as Readonly<Record<string, unknown>>;
  // What the program says counts more than its surroundings.
  const unsaid = Object.entries(VARIABLES).filter(([name]) => values[name] === undefined);
  const parsed = parseSettings(meshSchema, {
    flags: {},
    env: Object.fromEntries(unsaid.map(([, variable]) => [variable, env[variable]])),
    file: { values, placeOf: () => "Mesh.connect" },
  });
  return { ...parsed.settings, ...watchPlan(parsed.settings) };
}

const registrationSchema = instanceSchema.omit({ id: true }).extend({ id: idField.optional() });

/** What a program says of an instance: as an entry of `instances` in an agent's file. */
export type InstanceOptions = z.input<typeof registrationSchema>;

/**
 * @param hostName for the id of an instance that names none: `HOST:PORT` is the same after a
 *   restart, which then takes over at once.
 * @throws MeshError INVALID_ARGUMENT that names every bad field.
 */
export function localInstanceFrom(
  options: InstanceOptions,
  surroundings: {
    readonly namespace: string;
    readonly locality: Locality;
    readonly hostName: string;
  },
): LocalInstance {
  const placeOf = () => "mesh.register";
  const values = options as Readonly<Record<string, unknown>>;
  const { settings } = parseSettings(registrationSchema, {
    flags: {},
    env: {},
    file: { values, placeOf },
  });
  const port = settings.port ?? settings.ports?.[0]?.port ?? 0;
  const id = settings.id ?? `${surroundings.hostName}:${port}`;
  // The program is the application: it lives as long as it renews, and needs no probe by default.
  const probe = settings.probe ?? NO_PROBE;
  const entry = { ...settings, id, probe };
  const { namespace, locality } = surroundings;
  const { instances, violations } = localInstances([entry], namespace, locality);
  if (violations.length > 0) {
    const own = violations.map(({ path, description }) => ({ path: path.slice(2), description }));
    throw settingsError(own, placeOf);
  }
  const [local] = instances;
  if (local === undefined) throw new MeshError("INTERNAL", "no instance came of the options");
  return local;
}

const NO_PROBE = { none: true, interval: 2_000, timeout: 1_000, rise: 2, fall: 3 };
