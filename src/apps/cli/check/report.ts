import { formatDuration } from "../duration.ts";
import { counted } from "../output.ts";
import { printable, styled } from "../table.ts";
import type { CheckFacts } from "./facts.ts";
import type { Finding, Severity, Verdicts } from "./rule.ts";

const COLOURS = { error: "red", warning: "yellow", info: "green" } as const;

/** How many findings there are of each severity. */
export function countBySeverity(findings: readonly Finding[]): Record<Severity, number> {
  const counts = { error: 0, warning: 0, info: 0 };
  for (const { severity } of findings) counts[severity] += 1;
  return counts;
}

/** For people: what was looked at, each finding in three lines, and the counts. */
export function reportText(facts: CheckFacts, verdicts: Verdicts, hasColours: boolean): string {
  const { findings, checked, notChecked } = verdicts;
  const counts = countBySeverity(findings);
  return [
    ...lookedAt(facts),
    ...findings.flatMap((finding) => ["", ...inWords(finding, hasColours)]),
    "",
    findings.length === 0
      ? "Nothing is wrong."
      : `Found ${counted(counts.error, "error")}, ${counted(counts.warning, "warning")}, ${counted(counts.info, "note")}.`,
    `Looked for ${checked.length} kinds of fault${notLookedFor(notChecked)}.`,
    "",
  ].join("\n");
}

/** As many as a line bears. */
const MAX_NAMED = 8;

/** For example without TLS there is no certificate to look at. */
function notLookedFor(ids: readonly string[]): string {
  if (ids.length === 0) return "";
  const which = ids.length > MAX_NAMED ? "-o json names them" : ids.join(", ");
  return `; not for ${ids.length}, for want of what they need (${which})`;
}

function inWords(
  { id, severity, subject, what, why, fix }: Finding,
  hasColours: boolean,
): string[] {
  const mark = severity === "info" ? "NOTE" : severity.toUpperCase();
  const head = printable(`${mark.padEnd(8)}${subject}: ${what}`);
  return [
    `${hasColours ? styled(COLOURS[severity], head) : head} [${id}]`,
    printable(`  why   ${why}`),
    printable(`  mend  ${fix}`),
  ];
}

/** Silence is not success: what was asked, and what could not be. */
function lookedAt(facts: CheckFacts): string[] {
  const { target, server, cluster, agents, services, agent, clock } = facts;
  const plane =
    server === undefined
      ? `${target.address}: no answer that could be looked at`
      : `${target.address}: replica ${server.replicaId}, Weir ${server.softwareVersion}, up ${formatDuration(server.uptimeMs)}`;
  const lines = [`control plane  ${plane}`];
  if (cluster !== undefined && cluster.members.length > 0) {
    lines.push(`cluster        ${clusterLine(cluster)}`);
  }
  if (services !== undefined && agents !== undefined) {
    const instanceCount = services.reduce((sum, one) => sum + one.instanceCount, 0);
    const unlisted = services.filter(({ instances }) => instances === undefined).length;
    const note = unlisted === 0 ? "" : ` (${unlisted} services by their counts only)`;
    lines.push(
      `mesh           ${counted(services.length, "service")} with ${counted(instanceCount, "instance")}${note}, ${counted(agents.length, "agent")}`,
    );
  }
  if (clock !== undefined) {
    lines.push(`clock          ${formatDuration(Math.abs(clock.offsetMs))} apart`);
  }
  lines.push(`transport      ${target.usesTls ? "TLS" : "plaintext"}`);
  if (agent !== undefined) lines.push(`agent          ${agentLine(agent)}`);
  return lines.map(printable);
}

function clusterLine({ name, members, bus, isSynced }: NonNullable<CheckFacts["cluster"]>): string {
  const replicas = members.map(({ id, state }) => (state === "alive" ? id : `${id} (${state})`));
  const state = isSynced ? "in sync" : "not in sync";
  return `${name}: ${replicas.join(", ")}; ${state}; NATS ${bus?.server || "never reached"}`;
}

function agentLine({ address, port, pages }: NonNullable<CheckFacts["agent"]>): string {
  if (pages !== undefined) {
    return `${address}: ${pages.id}, Weir ${pages.version}, ${pages.isReady ? "ready" : "not ready"}`;
  }
  return port.kind === "closed"
    ? `none at ${address}; name one with --agent HOST:PORT`
    : `none at ${address}: ${port.detail}`;
}

/** For programs: fields may join, none changes or leaves within a version. */
export function reportFields(
  facts: CheckFacts,
  { findings, checked, notChecked }: Verdicts,
  exitCode: number,
): object {
  const { error, warning, info } = countBySeverity(findings);
  return {
    server: facts.target.address,
    agent: facts.agent?.pages === undefined ? null : facts.agent.address,
    checkedAt: new Date(facts.wallMs).toISOString(),
    findings: findings.map(({ id, severity, subject, what, why, fix }) => ({
      id,
      severity,
      subject,
      what,
      why,
      fix,
    })),
    summary: { errors: error, warnings: warning, infos: info, checked, notChecked },
    exitCode,
  };
}
