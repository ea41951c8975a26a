import { AGENT_RULES } from "./agent-rules.ts";
import { CERTIFICATE_RULES } from "./certificate-rules.ts";
import { CLUSTER_RULES } from "./cluster-rules.ts";
import { CONNECTION_RULES } from "./connection-rules.ts";
import { FLEET_RULES } from "./fleet-rules.ts";
import { NATS_RULES } from "./nats-rules.ts";
import { POLICY_STORE_RULES } from "./policy-store-rules.ts";
import { REGISTRY_RULES } from "./registry-rules.ts";
import type { Rule } from "./rule.ts";
import { SERVER_RULES } from "./server-rules.ts";
import { SERVICE_RULES } from "./service-rules.ts";

/** Every kind of fault that `weir check` knows; docs/checks.md lists the same. */
export const ALL_RULES: readonly Rule[] = [
  ...CONNECTION_RULES,
  ...CERTIFICATE_RULES,
  ...SERVER_RULES,
  ...NATS_RULES,
  ...POLICY_STORE_RULES,
  ...CLUSTER_RULES,
  ...REGISTRY_RULES,
  ...SERVICE_RULES,
  ...FLEET_RULES,
  ...AGENT_RULES,
];
