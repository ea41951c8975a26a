import {
  type ChannelOptions,
  status as Code,
  experimental,
  type MethodConfig,
  type ServiceConfig,
} from "@grpc/grpc-js";
import { MESH_POLICY, MeshConfig, type MeshPlan } from "./mesh-plan.ts";

/** In one call: a third instance is not likely to answer what two could not. */
const MAX_ATTEMPTS = 3;

/**
 * Retries while fewer than half of the tokens are gone, and ten good answers pay for two: what
 * is left of a service that fails must not get its calls three times.
 */
const RETRY_THROTTLING = { maxTokens: 100, tokenRatio: 0.2 };

/** Applies to every method that the user's configuration does not name. */
const RETRY_UNAVAILABLE: MethodConfig = {
  name: [{}],
  retryPolicy: {
    maxAttempts: MAX_ATTEMPTS,
    // Another endpoint takes it: there is nothing to wait for but the news that one is gone.
    initialBackoff: "0.01s",
    maxBackoff: "0.1s",
    backoffMultiplier: 2,
    retryableStatusCodes: [Code.UNAVAILABLE],
  },
};

/** As people write it: gRPC's own form has durations as objects. */
type WrittenMethodConfig = Omit<MethodConfig, "timeout"> & {
  timeout?: MethodConfig["timeout"] | string;
};

/**
 * The configuration of a channel: our policy, and what the user said of methods in the option
 * `grpc.service_config`, which gRPC ignores as soon as a resolver has one of its own.
 *
 * Retries are only for clients whose every call may happen twice: an instance may have carried out
 * what it could not answer. Source: gRPC proposal A6.
 */
export function meshServiceConfig(plan: MeshPlan, options: ChannelOptions): ServiceConfig {
  const retries = "service" in plan && plan.retries;
  const written = readOption(options["grpc.service_config"]);
  const methodConfig = (written.methodConfig ?? []).map(withDuration);
  if (retries) methodConfig.push(RETRY_UNAVAILABLE);
  const retryThrottling = written.retryThrottling ?? (retries ? RETRY_THROTTLING : undefined);
  return {
    loadBalancingConfig: [{ [MESH_POLICY]: new MeshConfig(plan) }],
    methodConfig,
    ...(retryThrottling === undefined ? {} : { retryThrottling }),
  };
}

/** gRPC has checked it before it made the resolver. */
function readOption(text: string | undefined): {
  methodConfig?: WrittenMethodConfig[];
  retryThrottling?: ServiceConfig["retryThrottling"];
} {
  return text === undefined ? {} : JSON.parse(text);
}

function withDuration({ timeout, ...rest }: WrittenMethodConfig): MethodConfig {
  const duration = typeof timeout === "string" ? experimental.parseDuration(timeout) : timeout;
  return duration === undefined || duration === null ? rest : { ...rest, timeout: duration };
}
