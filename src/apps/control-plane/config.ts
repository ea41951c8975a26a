import { hostname } from "node:os";
import { z } from "zod";
import { address, duration } from "../../config/fields.ts";
import { natsShape, natsViolations } from "../../config/nats-fields.ts";
import {
  type ParsedSettings,
  parseSettings,
  type RawSettings,
  settingsError,
} from "../../config/parse-settings.ts";
import { securityShape, securityViolations } from "../../config/security-fields.ts";
import { idField } from "../../config/word-fields.ts";
import { DEFAULT_SETTLE_AFTER_MS } from "../../core/discovery/settling.ts";
import { hostPartOfId } from "../../core/model/names.ts";

const schema = z.object({
  /** gRPC. Loopback, because nothing protects it unless told to. */
  listen: address.default("127.0.0.1:7400"),
  /** HTTP: health, metrics, JSON views. */
  admin: address.default("127.0.0.1:7401"),
  /** Where registrations survive a restart; without it they do not. */
  stateDir: z.string().min(1).optional(),
  /** This replica's name. */
  replicaId: idField.default(() => hostPartOfId(hostname(), "replica")),
  /** Where clients reach this replica, when they may be told: without it nobody is sent here by another one. */
  advertise: address.optional(),
  /** How long after a start absence means nothing yet: agents and sessions need three backoffs. */
  settleAfter: duration({ minMs: 0, maxMs: 3_600_000 }).default(DEFAULT_SETTLE_AFTER_MS),
  ...natsShape,
  ...securityShape,
});

export type ServerConfig = z.infer<typeof schema>;

/** @throws MeshError INVALID_ARGUMENT that says what is wrong and where it was set. */
export function serverConfigFrom(raw: RawSettings): ParsedSettings<ServerConfig> {
  const parsed = parseSettings(schema, raw);
  const { settings } = parsed;
  const { listen, admin } = settings;
  const violations = [
    ...securityViolations(settings, { listen, admin }),
    ...natsViolations(settings),
  ];
  if (violations.length > 0) throw settingsError(violations, parsed.placeOf);
  return parsed;
}
