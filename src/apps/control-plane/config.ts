import { hostname } from "node:os";
import { z } from "zod";
import { address, duration, flag } from "../../config/fields.ts";
import {
  type ParsedSettings,
  parseSettings,
  type RawSettings,
} from "../../config/parse-settings.ts";
import { idField } from "../../config/word-fields.ts";
import { DEFAULT_SETTLE_AFTER_MS } from "../../core/discovery/settling.ts";
import { MeshError } from "../../core/model/mesh-error.ts";

const schema = z.object({
  /** gRPC. Loopback, because there is no TLS yet. */
  listen: address.default("127.0.0.1:7400"),
  /** HTTP: health, metrics, JSON views. */
  admin: address.default("127.0.0.1:7401"),
  /** Where registrations survive a restart; without it they do not. */
  stateDir: z.string().min(1).optional(),
  /** This replica's name. */
  replicaId: idField.default(() => safeHostName()),
  /** How long after a start absence means nothing yet: agents and sessions need three backoffs. */
  settleAfter: duration({ minMs: 0, maxMs: 3_600_000 }).default(DEFAULT_SETTLE_AFTER_MS),
  /** Allows plaintext beyond this machine. */
  insecure: flag.default(false),
});

export type ServerConfig = z.infer<typeof schema>;

/** @throws MeshError INVALID_ARGUMENT that says what is wrong and where it was set. */
export function serverConfigFrom(raw: RawSettings): ParsedSettings<ServerConfig> {
  const parsed = parseSettings(schema, raw);
  const { listen, insecure } = parsed.settings;
  if (!insecure && !isLoopback(listen)) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `listen: ${listen} would speak plaintext beyond this machine; add --insecure if that network is trusted, or listen on 127.0.0.1`,
    );
  }
  return parsed;
}

function isLoopback(text: string): boolean {
  const host = text.slice(0, text.lastIndexOf(":"));
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

/** Host names may hold what ids may not. */
function safeHostName(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, "-")
      .replace(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "") || "replica"
  );
}
