import { agents, type Fault, orders, services } from "./changes.ts";
import { aListing, aService } from "./facts.ts";

/** Faults of services. */
export const SERVICES_FAULTS: readonly Fault[] = [
  {
    id: "loopback-address",
    change: agents({ peer: "10.0.0.9:1234" }),
    says: /a, b at 127\.0\.0\.1, but agent web-1 connects from 10\.0\.0\.9/,
    mends: /register orders/,
  },
  { id: "nothing-registered", change: services(), says: /Nobody/, mends: /weir register/ },
  {
    id: "service-without-endpoints",
    change: orders({ id: "a", state: "unhealthy" }, { id: "b", state: "unhealthy" }),
    says: /2 instances and none healthy: a, b/,
    mends: /weir endpoints orders/,
  },
  {
    id: "instance-unhealthy",
    change: orders({ id: "a", state: "unhealthy" }, { id: "b" }),
    says: /1 of 2 unhealthy: a/,
    mends: /weir endpoints orders/,
  },
  { id: "service-empty", change: services(aService([])), says: /left/, mends: /register orders/ },
  {
    id: "all-suspect",
    change: orders({ id: "a", state: "suspect" }, { id: "b", state: "suspect" }),
    says: /all silent: a, b/,
    mends: /evict orders a/,
  },
  {
    id: "last-endpoint-draining",
    change: orders({ id: "a", isDraining: true }, { id: "b", state: "unhealthy" }),
    says: /Draining: a/,
    mends: /undrain orders a/,
  },
  {
    id: "lease-overdue",
    change: orders({ id: "a", leaseRemainingMs: 4_000 }, { id: "b" }),
    says: /1 of 2 silent: a/,
    mends: /evict orders a/,
  },
  {
    id: "conflicting-defaults",
    change: services(
      aService(
        [
          aListing({ id: "a", defaults: { protocol: "http1", policy: "least_request" } }),
          aListing({ id: "b", defaults: { protocol: "grpc", policy: "" } }),
        ],
        { hasConflictingDefaults: true },
      ),
    ),
    says: /http1\/least_request say a; grpc\/the agent's policy say b\. In force is http1\/least_request/,
    mends: /defaults: \{ protocol: http1, policy: least_request \}/,
  },
  {
    id: "unknown-policy",
    change: services(aService([aListing(), aListing({ id: "b" })], { policy: "round_robbin" })),
    says: /round_robbin/,
    mends: /policy: round_robin/,
  },
  { id: "single-instance", change: orders({ id: "a" }), says: /only/, mends: /register orders/ },
  {
    id: "backups-only",
    change: orders({ id: "a", priority: 1 }, { id: "b", priority: 2 }),
    says: /is 1/,
    mends: /--priority 0/,
  },
  {
    id: "no-weight",
    change: orders({ id: "a", weight: 0 }, { id: "b", weight: 0 }),
    says: /weight 0/,
    mends: /--weight 100/,
  },
];
