import type { InstanceListing } from "../../../ports/control-plane-api.ts";
import { formatDuration } from "../duration.ts";
import { hostOf } from "./connection-rules.ts";
import type { CheckFacts, ServiceFacts } from "./facts.ts";
import { onlyIf, type Rule, someOf, weir } from "./rule.ts";
import { idsOf, isSilent, nameOf } from "./service-rules.ts";
import { isThisMachine } from "./this-machine.ts";

/** As many as a person types; then `weir endpoints` is the better tool. */
const MAX_COMMANDS = 3;

/** Faults that show only with several services, or with agents, in view. */
export const REGISTRY_RULES: readonly Rule[] = [
  {
    id: "expiry-frozen",
    severity: "error",
    title: "Too many instances went silent at once: none of them is removed",
    why: "More likely it is the network than all of them; but whoever of them is really gone still gets requests.",
    find: (facts) =>
      facts.server?.frozen.map(({ scope, reason, frozenForMs }) => ({
        subject: scope,
        what: `Expiry is frozen since ${formatDuration(frozenForMs)}: ${reason}.`,
        fix: `${evictions(facts, scope)}    # those that are really gone; it thaws when the others are heard again`,
      })),
  },
  {
    id: "loopback-address",
    severity: "warning",
    title: "An instance is registered at a loopback address while agents run on other machines",
    why: "Each agent takes that address for its own machine and reaches nothing, or somebody else.",
    find: (facts) => {
      if (facts.services === undefined || facts.agents === undefined) return undefined;
      const elsewhere = facts.agents.filter(
        ({ role, peer }) => role === "data-plane" && peer !== "" && !isThisMachine(hostOf(peer)),
      );
      if (elsewhere.length === 0) return [];
      return facts.services.flatMap((service) => {
        const local = (service.instances ?? []).filter(isOnLoopback);
        return onlyIf(local.length > 0, () => ({
          subject: nameOf(service),
          what: `${someOf(idsOf(local))} at ${local[0]?.instance.address.value}, but agent ${elsewhere[0]?.id} connects from ${elsewhere[0]?.peer}.`,
          fix: weir(facts, `register ${nameOf(service)} ADDRESS-OF-ITS-MACHINE:PORT`),
        }));
      });
    },
  },
  {
    id: "nothing-registered",
    severity: "info",
    title: "No service is registered",
    why: "Every request through an agent is answered with 503 or 404.",
    find: (facts) =>
      facts.services &&
      onlyIf(facts.services.length === 0, () => ({
        subject: "services",
        what: "Nobody has registered.",
        fix: weir(facts, "register orders 127.0.0.1:8081"),
      })),
  },
];

function isOnLoopback({ instance: { address } }: InstanceListing): boolean {
  return address.kind !== "unix" && isThisMachine(address.value);
}

/** The commands that remove who is silent, as far as they are known. */
function evictions(facts: CheckFacts, scope: string): string {
  const services = (facts.services ?? []).filter(
    ({ namespace, name }) => scope === "fleet" || scope === `${namespace}/${name}`,
  );
  const silent = services.flatMap((service) => silentOf(service));
  if (silent.length === 0) return weir(facts, "evict SERVICE INSTANCE");
  return silent
    .slice(0, MAX_COMMANDS)
    .map((which) => weir(facts, `evict ${which}`))
    .join("; ");
}

function silentOf(service: ServiceFacts): string[] {
  return idsOf((service.instances ?? []).filter(isSilent)).map((id) => `${nameOf(service)} ${id}`);
}
