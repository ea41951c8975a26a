import { z } from "zod";
import { addresses, duration, words } from "../config/fields.ts";
import { idField, nameField, oneOf, serviceField, wholeNumber } from "../config/word-fields.ts";
import { POLICY_NAMES } from "../core/balancing/policy.ts";

/** Timers count in 31 bits of milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const PROTOCOLS = ["http1", "http2", "grpc", "tcp"] as const;

const policy = oneOf(POLICY_NAMES);
const timeout = duration({ minMs: 1, maxMs: MAX_TIMER_MS });

/** 2 s and 1 s notice a dead process within 7 s at `fall: 3`, for half a probe a second. */
const probe = z.strictObject({
  http: z.string().regex(/^\//, { error: "must be a path, like /healthz" }).optional(),
  tcp: z.boolean().optional(),
  grpc: z.string().optional(),
  none: z.boolean().optional(),
  interval: timeout.default(2_000),
  timeout: timeout.default(1_000),
  rise: wholeNumber(1, 100).default(2),
  fall: wholeNumber(1, 100).default(3),
});

const port = wholeNumber(1, 65_535);

/** A local instance, as an agent's file or a program describes it. */
export const instanceSchema = z.strictObject({
  service: serviceField,
  id: idField,
  address: z.string().min(1).default("127.0.0.1"),
  port: port.optional(),
  ports: z
    .array(z.strictObject({ name: nameField, port, protocol: oneOf(PROTOCOLS).default("http1") }))
    .min(1)
    .optional(),
  weight: wholeNumber(0, 10_000).default(100),
  priority: wholeNumber(0, 127).default(0),
  // A third of it is the renew interval: two beats may be lost.
  lease: duration({ minMs: 3_000, maxMs: 300_000 }).default(15_000),
  metadata: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
    .default({}),
  defaults: z
    .strictObject({ protocol: oneOf(PROTOCOLS).default("http1"), policy: policy.optional() })
    .optional(),
  probe: probe.optional(),
});

/** The same with its defaults filled in. */
export type InstanceSettings = z.infer<typeof instanceSchema>;

const locality = z.strictObject({
  region: z.string().default(""),
  zone: z.string().default(""),
  subZone: z.string().default(""),
});

/**
 * What agent and library are told alike: whom to ask, what to watch, how to treat requests. Each
 * default's reason stands beside it.
 */
export const dataPlaneShape = {
  controlPlane: addresses.default(["127.0.0.1:7400"]),
  namespace: nameField.default("default"),
  locality: locality.prefault({}),
  subscribe: words.pipe(z.array(z.union([z.literal("*"), serviceField]))).default([]),
  // Two random choices, and the one with less in flight: close to the best for every kind of service.
  policy: policy.default("least_request"),
  retries: z
    .strictObject({
      attempts: wholeNumber(0, 10).default(2),
      budgetPercent: wholeNumber(0, 1_000).default(20),
      minPerSecond: wholeNumber(0, 100_000).default(10),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      // A connection within a data centre takes a millisecond; one lost SYN is repeated after 1 s.
      connect: timeout.default(1_000),
      // Source: Envoy's default route timeout.
      request: timeout.default(15_000),
      // Source: Envoy's default stream idle timeout.
      idle: timeout.default(300_000),
    })
    .prefault({}),
  pool: z
    .strictObject({ maxConnectionsPerEndpoint: wholeNumber(1, 65_535).default(256) })
    .prefault({}),
  services: z
    .array(
      z.strictObject({
        name: serviceField,
        policy: policy.optional(),
        retries: wholeNumber(0, 10).optional(),
        timeout: timeout.optional(),
        port: nameField.optional(),
      }),
    )
    .default([]),
};

const dataPlaneSchema = z.strictObject(dataPlaneShape);

/** The same with its defaults filled in. */
export type DataPlaneSettings = z.infer<typeof dataPlaneSchema>;
