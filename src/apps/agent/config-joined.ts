import { hostname } from "node:os";
import { z } from "zod";
import { parseSettings, settingsError } from "../../config/parse-settings.ts";
import { idField, serviceField, wholeNumber } from "../../config/word-fields.ts";
import { hostPartOfId } from "../../core/model/names.ts";
import { type InstanceSettings, instanceSchema } from "../../data-plane/settings-schema.ts";

/** The flags that stand for one entry of `instances`. */
const JOIN_FLAGS = ["service", "port", "health", "address", "instance"] as const;

const joinSchema = z.strictObject({
  service: serviceField.optional(),
  port: wholeNumber(1, 65_535).optional(),
  health: z.string().regex(/^\//, { error: "must be a path, like /healthz" }).optional(),
  address: z.string().min(1).optional(),
  instance: idField.optional(),
});

/**
 * The instance of `weir agent --service hello --port 8080`: joining in one line, without a file.
 * Flags only: where a cluster has a service named weir, it sets WEIR_PORT and WEIR_SERVICE_PORT in
 * every container.
 *
 * @returns `undefined` when no such flag was typed.
 * @throws MeshError INVALID_ARGUMENT that names the flag.
 */
export function joinedInstance(
  flags: Readonly<Record<string, unknown>>,
): InstanceSettings | undefined {
  const { settings, placeOf } = parseSettings(joinSchema, { flags, env: {} });
  const { service, port, health, address, instance } = settings;
  const isAsked = JOIN_FLAGS.some((name) => settings[name] !== undefined);
  if (!isAsked) return undefined;
  if (service === undefined || port === undefined) {
    const [missing, example] = service === undefined ? ["service", "hello"] : ["port", "8080"];
    const description = `is missing; add --${missing} ${example}, or describe the instance in a file (--config)`;
    throw settingsError([{ path: [missing], description }], (path) =>
      path[0] === missing ? `--${missing}` : placeOf(path),
    );
  }
  return instanceSchema.parse({
    service,
    id: instance ?? defaultId(port),
    port,
    ...(address === undefined ? {} : { address }),
    ...(health === undefined ? {} : { probe: { http: health } }),
  });
}

/** The same after a restart, and another one for each copy of a host and on each host. */
function defaultId(port: number): string {
  return `${hostPartOfId(hostname(), "host")}:${port}`;
}
