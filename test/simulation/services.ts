import { type ServiceKey, serviceKey } from "../../src/core/model/names.ts";

export const NAMESPACE = "default";

/** Two, so that what is said of one is never taken for the other. */
export const SERVICES = ["orders", "users"] as const;

export const SERVICE_KEYS: readonly ServiceKey[] = SERVICES.map((name) =>
  serviceKey(NAMESPACE, name),
);

/** Of endpoints that old agents cannot read. */
export const UNREADABLE_WEIGHT = 77;
