import { closest } from "../../../config/closest.ts";
import { isPolicyName, POLICY_NAMES } from "../../../core/balancing/policy.ts";
import type { ServiceDefaults } from "../../../core/model/instance.ts";
import { DEFAULT_NAMESPACE } from "../../../core/model/names.ts";
import type { InstanceListing } from "../../../ports/control-plane-api.ts";
import { counted } from "../output.ts";
import type { CheckFacts, ServiceFacts } from "./facts.ts";
import { type Found, onlyIf, type Rule, someOf, weir } from "./rule.ts";

/** As commands take it. */
export function nameOf({ namespace, name }: { namespace: string; name: string }): string {
  return namespace === DEFAULT_NAMESPACE ? name : `${namespace}/${name}`;
}

/** What agents may send requests to, if only for want of something better. */
const isUsable = ({ state }: InstanceListing): boolean => state !== "unhealthy";

export const idsOf = (instances: readonly InstanceListing[]): string[] =>
  instances.map(({ instance }) => instance.id);

type OfService = (service: ServiceFacts, facts: CheckFacts) => readonly Omit<Found, "subject">[];

function ofServices(find: OfService): Rule["find"] {
  return (facts) =>
    facts.services?.flatMap((service) =>
      find(service, facts).map((found) => ({ subject: nameOf(service), ...found })),
    );
}

type Listed = ServiceFacts & { readonly instances: readonly InstanceListing[] };

/** A rule that looks at the instances; services without a list are left out. */
function ofInstances(
  find: (service: Listed, facts: CheckFacts) => readonly Omit<Found, "subject">[],
): Rule["find"] {
  return ofServices((service, facts) => {
    const { instances } = service;
    return instances === undefined ? [] : find({ ...service, instances }, facts);
  });
}

/** A finding, without its subject. */
function when(isWrong: boolean, found: () => Omit<Found, "subject">): Omit<Found, "subject">[] {
  return onlyIf(isWrong, () => ({ subject: "", ...found() })).map(
    ({ subject: _, ...rest }) => rest,
  );
}

export const SERVICE_RULES: readonly Rule[] = [
  {
    id: "service-without-endpoints",
    severity: "error",
    title: "No instance of a service can take a request",
    why: "Every request to it fails with 503, at once.",
    find: ofInstances((service, facts) => {
      const { instances } = service;
      const isDown = instances.length > 0 && !instances.some(isUsable);
      return when(isDown, () => ({
        what: `${counted(instances.length, "instance")} and none healthy: ${someOf(idsOf(instances))}.`,
        fix: `${weir(facts, `endpoints ${nameOf(service)}`)}    # then look at the probed path or port: curl -v http://${addressOf(instances[0])}/`,
      }));
    }),
  },
  {
    id: "instance-unhealthy",
    severity: "warning",
    title: "Some instances of a service are unhealthy, by the word of who probes them",
    why: "Agents send them nothing: the others carry their share, and one failure more may be too much.",
    find: ofInstances((service, facts) => {
      const { instances } = service;
      const sick = instances.filter((instance) => !isUsable(instance));
      return when(sick.length > 0 && sick.length < instances.length, () => ({
        what: `${sick.length} of ${instances.length} unhealthy: ${someOf(idsOf(sick))}.`,
        fix: `${weir(facts, `endpoints ${nameOf(service)}`)}    # then look at the probed path or port: curl -v http://${addressOf(sick[0])}/`,
      }));
    }),
  },
  {
    id: "service-empty",
    severity: "warning",
    title: "A service has no instance any more",
    why: "Requests to it fail with 503; its name is kept for a while in case somebody comes back.",
    find: ofServices((service, facts) =>
      when(service.instanceCount === 0, () => ({
        what: "Everybody of it left or expired.",
        fix: weir(facts, `register ${nameOf(service)} HOST:PORT`),
      })),
    ),
  },
  {
    id: "all-suspect",
    severity: "error",
    title: "All instances of a service are silent and only kept because expiry is frozen",
    why: "Nobody vouches for any of them: they still get requests, and may all be gone.",
    find: ofInstances((service, facts) => {
      const usable = service.instances.filter(isUsable);
      const isWrong = usable.length > 0 && usable.every(({ state }) => state === "suspect");
      return when(isWrong, () => ({
        what: `${counted(usable.length, "instance")}, all silent: ${someOf(idsOf(usable))}.`,
        fix: `${weir(facts, `evict ${nameOf(service)} ${usable[0]?.instance.id}`)}    # each that is really gone; else mend the network between it and the control plane`,
      }));
    }),
  },
  {
    id: "last-endpoint-draining",
    severity: "warning",
    title: "All usable instances of a service are draining",
    why: "They still take all requests, because nobody else can: no drain of them ends SAFE.",
    find: ofInstances((service, facts) => {
      const usable = service.instances.filter(isUsable);
      const isWrong = usable.length > 0 && usable.every(({ isDraining }) => isDraining);
      return when(isWrong, () => ({
        what: `Draining: ${someOf(idsOf(usable))}; nobody else is there.`,
        fix: `${weir(facts, `undrain ${nameOf(service)} ${usable[0]?.instance.id}`)}    # or start a successor first`,
      }));
    }),
  },
  {
    id: "lease-overdue",
    severity: "warning",
    title: "Instances are silent: their leases ran out, or end within a third of their length",
    why: "Whoever keeps them is dead, hangs or cannot reach the control plane; when the lease ends they are removed.",
    find: ofInstances((service, facts) => {
      const silent = service.instances.filter(isSilent);
      return when(silent.length > 0, () => ({
        what: `${silent.length} of ${service.instances.length} silent: ${someOf(idsOf(silent))}.`,
        fix: `${weir(facts, `evict ${nameOf(service)} ${silent[0]?.instance.id}`)}    # if it is gone; else keep it: weir register, or instances of an agent, renew leases`,
      }));
    }),
  },
  {
    id: "conflicting-defaults",
    severity: "warning",
    title: "Instances of a service disagree about its protocol or policy",
    why: "The oldest one decides; when it leaves, agents change how they balance or speak to all of them.",
    find: ofServices((service) =>
      when(service.hasConflictingDefaults, () => ({
        what: sayings(service),
        fix: `defaults: { protocol: ${service.protocol}, policy: ${service.policy || "least_request"} }    # the same in every instance's settings`,
      })),
    ),
  },
  {
    id: "unknown-policy",
    severity: "warning",
    title: "A service names a balancing policy that this version does not know",
    why: "Agents that do not know it balance by their own default instead.",
    find: ofServices(({ policy }) =>
      when(policy !== "" && !isPolicyName(policy), () => ({
        what: `It asks for ${policy}.`,
        fix: `defaults: { policy: ${closest(policy, POLICY_NAMES) ?? "least_request"} }    # one of ${POLICY_NAMES.join(", ")}`,
      })),
    ),
  },
  {
    id: "single-instance",
    severity: "info",
    title: "A service has one instance only",
    why: "While it restarts or fails, every request to the service fails.",
    find: ofServices((service, facts) =>
      when(service.instanceCount === 1, () => ({
        what: "Its only instance is all there is.",
        fix: weir(facts, `register ${nameOf(service)} HOST:PORT`),
      })),
    ),
  },
  {
    id: "backups-only",
    severity: "warning",
    title: "All usable instances of a service have a priority above 0",
    why: "Backups serve everything, and nothing is left behind them.",
    find: ofInstances((service, facts) => {
      const usable = service.instances.filter(isUsable);
      const lowest = Math.min(...usable.map(({ instance }) => instance.priority));
      return when(usable.length > 0 && lowest > 0, () => ({
        what: `The smallest priority of ${counted(usable.length, "instance")} is ${lowest}.`,
        fix: weir(facts, `register ${nameOf(service)} HOST:PORT --priority 0`),
      }));
    }),
  },
  {
    id: "no-weight",
    severity: "warning",
    title: "All usable instances of a service have weight 0",
    why: "Weight 0 means no new requests; as all say so it is ignored, which is hardly what was meant.",
    find: ofInstances((service, facts) => {
      const usable = service.instances.filter(isUsable);
      const isWrong =
        usable.length > 0 && usable.every(({ effectiveWeight }) => effectiveWeight === 0);
      return when(isWrong, () => ({
        what: `All of ${someOf(idsOf(usable))} have weight 0.`,
        fix: weir(facts, `register ${nameOf(service)} HOST:PORT --weight 100`),
      }));
    }),
  },
];

/** Two of three beats are missing. */
export function isSilent({ leaseRemainingMs, instance }: InstanceListing): boolean {
  return leaseRemainingMs < instance.leaseMs / 3;
}

/** Who says what of the service: `http1/least_request: a, b; grpc/-: c`. */
function sayings({ instances, protocol, policy }: ServiceFacts): string {
  const said = new Map<string, string[]>();
  for (const { instance, defaults } of instances ?? []) {
    if (defaults === undefined) continue;
    const text = inWords(defaults);
    said.set(text, [...(said.get(text) ?? []), instance.id]);
  }
  const parts = [...said].map(([text, ids]) => `${text} say ${someOf(ids)}`);
  const inForce = inWords({ protocol, policy });
  return parts.length === 0
    ? `In force is ${inForce}.`
    : `${parts.join("; ")}. In force is ${inForce}.`;
}

function inWords({
  protocol,
  policy,
}: {
  protocol: ServiceDefaults["protocol"] | string;
  policy: string;
}): string {
  return `${protocol}/${policy || "the agent's policy"}`;
}

function addressOf(listing: InstanceListing | undefined): string {
  const port = listing?.instance.ports[0]?.port ?? 0;
  return `${listing?.instance.address.value ?? "HOST"}:${port}`;
}
