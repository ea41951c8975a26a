import { z } from "zod";
import { address, flag } from "../../config/fields.ts";
import { filePath, securityShape } from "../../config/security-fields.ts";
import { idField, oneOf, serviceField } from "../../config/word-fields.ts";
import { ACCESS_LOG_MODES } from "../../data-plane/access-log.ts";
import { dataPlaneShape, instanceSchema } from "../../data-plane/settings-schema.ts";

/** The agent's settings and their defaults; each default's reason stands beside it. */
export const agentSchema = z.strictObject({
  ...dataPlaneShape,
  // Empty stands for the host's name and the listener's port: unique, and the same after a restart.
  id: z.union([z.literal(""), idField]).default(""),
  listen: address.default("127.0.0.1:15001"),
  admin: address.default("127.0.0.1:15000"),
  stateDir: z.string().min(1).default(".weir/agent"),
  accessLog: oneOf(ACCESS_LOG_MODES).default("off"),
  ...securityShape,
  // Towards the control plane: TLS when any of them is given.
  controlPlaneTls: z
    .strictObject({
      ca: filePath.optional(),
      cert: filePath.optional(),
      key: filePath.optional(),
      serverName: z.string().min(1).optional(),
    })
    .prefault({}),
  controlPlaneTokenFile: filePath.optional(),
  takeOver: flag.default(false),
  routes: z
    .array(
      z.strictObject({
        pathPrefix: z.string().regex(/^\//, { error: "must start with a slash, like /orders" }),
        service: serviceField,
        stripPrefix: z.boolean().default(false),
      }),
    )
    .default([]),
  instances: z.array(instanceSchema).default([]),
});

/** Everything that can be configured, with defaults filled in. */
export type AgentSettings = z.infer<typeof agentSchema>;
