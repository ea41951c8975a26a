import { formatDuration } from "../duration.ts";
import { portOf } from "./connection-rules.ts";
import type { AgentPages, LocalAgentFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule } from "./rule.ts";

/** Below this many a share says nothing. */
const MIN_REFUSED = 10;

/** More than one in ten: the budget is not a spike's, but the rule. */
const REFUSED_SHARE = 0.1;

function ofAgent(
  find: (pages: AgentPages, agent: LocalAgentFacts) => readonly Found[],
): Rule["find"] {
  return ({ agent }) => agent?.pages && find(agent.pages, agent);
}

/** Instances in these states never register by themselves. */
const FINAL: Readonly<Record<string, string>> = {
  refused: "mend that field in the agent's settings, and restart it",
  superseded: "give one of the two another id in its settings, and restart it",
  evicted: "restart the agent if the instance may serve again",
};

export const AGENT_RULES: readonly Rule[] = [
  {
    id: "agent-unreachable",
    severity: "error",
    title: "The agent that was named does not answer",
    why: "Applications beside it cannot send requests through the mesh.",
    find: ({ agent }) =>
      agent &&
      onlyIf(agent.isAsked && agent.pages === undefined && !agent.asksForToken, () => ({
        subject: agent.address,
        what: `No agent's admin port answers at ${agent.address}: ${agent.port.detail}.`,
        fix: `weir agent --admin ${agent.address}    # on that machine; or name another one with --agent HOST:PORT`,
      })),
  },
  {
    id: "agent-asks-token",
    severity: "info",
    title: "The agent's admin port asks for a token",
    why: "What the agent itself knows could not be looked at.",
    find: ({ agent }) =>
      agent &&
      onlyIf(agent.asksForToken, () => ({
        subject: agent.address,
        what: "It answers only who shows a token.",
        fix: `curl -H "Authorization: Bearer $(cat TOKEN_FILE)" http${agent.port.kind === "tls" ? "s" : ""}://${agent.address}/endpoints`,
      })),
  },
  {
    id: "agent-not-ready",
    severity: "error",
    title: "The agent is not ready",
    why: "Supervisors and load balancers send it nothing, and `weir agent -- COMMAND` waits.",
    find: ofAgent(({ id, isReady, whyNotReady, controlPlane }) =>
      onlyIf(!isReady, () => ({
        subject: `agent ${id}`,
        what: `It is not ready: ${whyNotReady}.`,
        fix: controlPlane.isConnected
          ? "weir register SERVICE HOST:PORT    # the services that it waits for; or take them out of its subscribe:"
          : `weir check --server ${controlPlane.address || "HOST:PORT"}`,
      })),
    ),
  },
  {
    id: "agent-control-plane-lost",
    severity: "error",
    title: "The agent has no connection to a control plane",
    why: "It serves from what it last knew: new instances get no request, and gone ones cost failed attempts.",
    find: ofAgent(({ id, controlPlane }) =>
      onlyIf(!controlPlane.isConnected, () => ({
        subject: `agent ${id}`,
        what: `It cannot reach ${controlPlane.address || "its control plane"}${controlPlane.problem === "" ? "" : `: ${controlPlane.problem}`}.`,
        fix: `weir check --server ${controlPlane.address || "HOST:PORT"}    # then, if that is the wrong one: weir agent --control-plane HOST:PORT`,
      })),
    ),
  },
  {
    id: "agent-serves-saved",
    severity: "warning",
    title: "The agent serves services from its last-known-good file",
    why: "The control plane has not confirmed them since the agent started; the file may be up to a day old.",
    find: ofAgent(({ id, services, controlPlane }) => {
      const saved = services.filter(({ origin }) => origin === "saved");
      const ages = saved.map(({ ageMs }) => ageMs ?? 0);
      return onlyIf(saved.length > 0, () => ({
        subject: `agent ${id}`,
        what: `${saved.map(({ service }) => service).join(", ")} from the file${Math.max(...ages) > 0 ? `, up to ${formatDuration(Math.max(...ages))} old` : ""}.`,
        fix: `weir check --server ${controlPlane.address || "HOST:PORT"}    # it is over once the control plane answers and has settled`,
      }));
    }),
  },
  {
    id: "agent-listener-unreachable",
    severity: "error",
    title: "The agent's port for requests does not answer",
    why: "Applications get connection errors although the agent runs.",
    find: ({ agent }) => {
      const listener = agent?.pages?.listener;
      if (listener === undefined) return undefined;
      const { address, port } = listener;
      return onlyIf(!["http1", "tls", "http2"].includes(port.kind), () => ({
        subject: address,
        what: `The agent's port for requests, ${address}, does not answer HTTP: ${port.detail}.`,
        fix: `weir agent --listen ${address}    # restart it; ss -ltnp 'sport = :${portOf(address)}' says who holds the port`,
      }));
    },
  },
  {
    id: "agent-instance-not-registered",
    severity: "error",
    title: "An instance of the agent is refused, superseded or evicted",
    why: "It runs, and gets no request through the mesh.",
    find: ofAgent(({ instances }) =>
      instances
        .filter(({ status }) => Object.hasOwn(FINAL, status))
        .map(({ key, status, detail }) => ({
          subject: key,
          what: `It is ${status}${detail === "" ? "" : `: ${detail}`}.`,
          fix: `instances: [{ id: ... }]    # ${FINAL[status]}`,
        })),
    ),
  },
  {
    id: "agent-instance-unhealthy",
    severity: "warning",
    title: "The agent's probe calls a local instance unhealthy",
    why: "It gets no request until the probe succeeds.",
    find: ofAgent(({ instances }) =>
      instances
        .filter(({ status, health }) => status === "registered" && health === "unhealthy")
        .map(({ key, detail }) => ({
          subject: key,
          what: `Its probe fails${detail === "" ? "" : `: ${detail}`}.`,
          fix: "probe: { http: /healthz }    # does the application answer it with 200? curl -v http://127.0.0.1:PORT/healthz",
        })),
    ),
  },
  {
    id: "agent-unknown-policy",
    severity: "warning",
    title: "The agent does not know the policy that a service asks for",
    why: "It balances by its own default instead.",
    find: ofAgent(({ services, version }) =>
      services
        .filter(({ unknownPolicy }) => unknownPolicy !== "")
        .map(({ service, unknownPolicy }) => ({
          subject: service,
          what: `The agent (${version}) does not know ${unknownPolicy}.`,
          fix: `services: [{ name: ${service}, policy: least_request }]    # in the agent's settings; or update the agent`,
        })),
    ),
  },
  {
    id: "retries-refused",
    severity: "warning",
    title: "The retry budget refuses more than a tenth of the retries",
    why: "Failures reach applications that a retry would have hidden; the budget protects what is left of the service.",
    find: ofAgent(({ retries }) =>
      retries
        .filter(
          ({ made, refused }) =>
            refused >= MIN_REFUSED && refused / (made + refused) > REFUSED_SHARE,
        )
        .map(({ service, made, refused }) => ({
          subject: service,
          what: `${refused} of ${made + refused} retries were refused since the agent started.`,
          fix: "retries: { budgetPercent: 40 }    # only once the instances that fail are mended: weir endpoints says which",
        })),
    ),
  },
];
