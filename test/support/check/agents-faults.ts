import { ALONE } from "../fake-control-plane-api.ts";
import { agent, agents, type Fault, localInstance } from "./changes.ts";

/** Faults of agents. */
export const AGENTS_FAULTS: readonly Fault[] = [
  {
    id: "agent-rejects",
    change: agents({ state: "nacked", lastRejection: "a: bad port" }),
    says: /a: bad port/,
    mends: /weir evict/,
  },
  {
    id: "agent-stale",
    change: agents({ state: "stale", lagMs: 6_000 }),
    says: /6s behind/,
    mends: /restart/,
  },
  { id: "agent-holds", change: agents({ state: "held" }), says: /holds/, mends: /endpoints/ },
  {
    id: "agent-disconnected",
    change: agents({ state: "disconnected", lagMs: 7_000 }),
    says: /7s ago/,
    mends: /--agent/,
  },
  {
    id: "agent-id-twice",
    change: agents({ peer: "127.0.0.1:1" }, { peer: "127.0.0.1:2" }),
    says: /2 agents call themselves web-1/,
    mends: /--id web-1-2/,
  },
  {
    id: "version-skew",
    change: agents({ id: "old", softwareVersion: "0.9.0" }),
    says: /0\.9\.0.*1\.0\.0/,
    mends: /weir-mesh@1\.0\.0/,
  },
  {
    id: "version-skew",
    change: (well) => ({ ...well, cliVersion: "1.1.0" }),
    says: /1\.1\.0/,
    mends: /npm install/,
  },
  {
    id: "no-agents",
    change: (well) => ({ ...agents({ role: "observer" })(well), cluster: ALONE }),
    says: /No agent/,
    mends: /weir agent/,
  },
  {
    id: "agent-unreachable",
    change: (well) => ({
      ...well,
      agent: {
        address: "127.0.0.1:15000",
        isAsked: true,
        port: { kind: "closed", detail: "refused" },
        pages: undefined,
        asksForToken: false,
      },
    }),
    says: /127\.0\.0\.1:15000/,
    mends: /weir agent/,
  },
  {
    id: "agent-asks-token",
    change: (well) => ({
      ...well,
      agent: {
        address: "127.0.0.1:15000",
        isAsked: true,
        port: { kind: "tls", detail: "it speaks TLS" },
        pages: undefined,
        asksForToken: true,
      },
    }),
    says: /shows a token/,
    mends: /Bearer .* https:/,
  },
  {
    id: "agent-not-ready",
    change: agent({ isReady: false, whyNotReady: "nothing is known of default/orders yet" }),
    says: /default\/orders/,
    mends: /weir register/,
  },
  {
    id: "agent-control-plane-lost",
    change: agent({
      controlPlane: { isConnected: false, address: "127.0.0.1:7400", problem: "refused" },
    }),
    says: /127\.0\.0\.1:7400: refused/,
    mends: /weir check --server 127\.0\.0\.1:7400/,
  },
  {
    id: "agent-serves-saved",
    change: agent({
      services: [
        {
          service: "default/orders",
          origin: "saved",
          ageMs: 60_000,
          unknownPolicy: "",
          problem: "",
        },
      ],
    }),
    says: /default\/orders from the file, up to 1m old/,
    mends: /weir check/,
  },
  {
    id: "agent-listener-unreachable",
    change: agent({
      listener: { address: "127.0.0.1:15001", port: { kind: "closed", detail: "refused" } },
    }),
    says: /127\.0\.0\.1:15001/,
    mends: /--listen/,
  },
  {
    id: "agent-instance-not-registered",
    change: localInstance("superseded", "healthy"),
    says: /superseded: why so/,
    mends: /another id/,
  },
  {
    id: "agent-instance-unhealthy",
    change: localInstance("registered", "unhealthy"),
    says: /why so/,
    mends: /probe:/,
  },
  {
    id: "agent-unknown-policy",
    change: agent({
      services: [
        { service: "default/orders", origin: "", ageMs: 1, unknownPolicy: "magic", problem: "" },
      ],
    }),
    says: /magic/,
    mends: /policy: least_request/,
  },
  {
    id: "retries-refused",
    change: agent({ retries: [{ service: "default/orders", made: 80, refused: 20 }] }),
    says: /20 of 100/,
    mends: /budgetPercent/,
  },
];
