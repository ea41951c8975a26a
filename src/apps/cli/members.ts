import type { Command } from "commander";
import type { BusSummary, ClusterSummary, MemberSummary } from "../../ports/cluster-api.ts";
import { type ConnectionOptions, withApi, withConnection } from "./connection.ts";
import type { CliContext } from "./context.ts";
import { formatDuration } from "./duration.ts";
import { counted, printJson } from "./output.ts";
import { type Column, printable, table } from "./table.ts";

/** A member, and whether it leads. */
interface Row extends MemberSummary {
  readonly isLeader: boolean;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "MEMBER", text: ({ id, isSelf }) => (isSelf ? `${id} (self)` : id) },
  { title: "STATE", text: ({ state }) => state.toUpperCase() },
  { title: "EPOCH", text: ({ epoch }) => String(epoch), isFigure: true },
  { title: "SEQUENCE", text: ({ sequence }) => String(sequence), isFigure: true },
  { title: "LAG", text: ({ lag, isSelf }) => (isSelf ? "" : String(lag)), isFigure: true },
  { title: "DIGEST", text: ({ digest, isSelf }) => (isSelf ? "" : digest) },
  {
    title: "CLOCK",
    text: ({ clockOffsetMs, isSelf }) => (isSelf ? "" : signed(clockOffsetMs)),
    isFigure: true,
  },
  { title: "INSTANCES", text: ({ instanceCount }) => String(instanceCount), isFigure: true },
  {
    title: "HEARD",
    text: ({ silentMs, isSelf }) => (isSelf ? "" : `${formatDuration(silentMs)} ago`),
    isFigure: true,
  },
  { title: "ADDRESS", text: ({ address }) => address },
  { title: "SOFTWARE", text: ({ softwareVersion }) => softwareVersion },
  { title: "NOTE", text: (member) => notesOf(member).join(", ") },
];

/** `weir members`: the replicas of a cluster as one of them sees them, and its bus. */
export function addMembers(program: Command, context: CliContext): void {
  withConnection(program.command("members"))
    .description("list the replicas of the cluster, as the one that answers sees them, and its bus")
    .action(async (options: ConnectionOptions) => {
      const cluster = await withApi(context, options, (api) => api.listMembers());
      const { terminal } = context;
      if (options.output === "json") printJson(context, asJson(cluster));
      else if (cluster.members.length === 0) {
        terminal.say("alone: started without --nats");
      } else {
        const rows = cluster.members.map((one) => ({
          ...one,
          isLeader: one.id === cluster.leader,
        }));
        terminal.out(table(COLUMNS, rows, terminal.hasColours));
        for (const line of linesOf(cluster)) terminal.out(`${printable(line)}\n`);
      }
    });
}

function signed(ms: number): string {
  return `${ms > 0 ? "+" : ""}${formatDuration(ms)}`;
}

function notesOf(member: Row): string[] {
  const { isSettled, isIsolated, isLeaving, isPulling, quarantinedCount, state } = member;
  if (state === "dead" || state === "left") return [];
  const notes = member.isLeader ? ["leader"] : [];
  if (!isSettled) notes.push("not settled");
  if (isIsolated) notes.push("isolated");
  if (isLeaving) notes.push("leaving");
  if (isPulling) notes.push("pulling");
  if (quarantinedCount > 0) notes.push(`${quarantinedCount} refused: its clock is ahead`);
  return notes;
}

function linesOf(cluster: ClusterSummary): string[] {
  const { name, bus, isSynced, garbageCount, identity } = cluster;
  const unreadable = garbageCount === 0 ? "" : `; ${counted(garbageCount, "unreadable message")}`;
  return [
    `cluster ${name}: ${isSynced ? "in sync" : "not in sync"}${unreadable}`,
    ...orphanLines(cluster),
    ...(bus === undefined ? [] : [busLine(bus)]),
    ...(bus?.denied ?? []).map(
      ({ operation, subject, fix }) => `bus may not ${operation} ${subject}: ${fix}`,
    ),
    ...(identity === "sole" ? [] : ["another process runs with this replica's id"]),
  ];
}

function orphanLines({ orphanCount, unownedCount }: ClusterSummary): string[] {
  if (orphanCount === 0 && unownedCount === 0) return [];
  return [
    `${counted(orphanCount, "instance")} of replicas that are gone; ${unownedCount} taken over here, whose clients have not come back`,
  ];
}

/** A NATS server without a name calls itself by its public key. */
const IS_KEY = /^(N[A-Z2-7]{55})?$/;

function busLine(bus: BusSummary): string {
  const { isConnected, server, serverName, forMs, rttMs, reconnectCount, droppedCount } = bus;
  const known = server === "" ? "no server yet" : server;
  const state = isConnected ? `connected to ${server}` : `not connected (${known})`;
  const named = isConnected && !IS_KEY.test(serverName) ? ` (${serverName})` : "";
  const figures = [
    `${state}${named} for ${formatDuration(forMs)}`,
    ...(rttMs === undefined ? [] : [`rtt ${rttMs.toFixed(1)}ms`]),
    counted(reconnectCount, "reconnect"),
    `${droppedCount} dropped`,
  ];
  const last = bus.lastProblem === "" ? "" : `; last problem: ${bus.lastProblem}`;
  return `bus ${figures.join(", ")}${last}`;
}

function asJson({ name, members, bus, ...rest }: ClusterSummary): object {
  return {
    cluster: name,
    members: members.map((member) => ({ ...member, state: member.state.toUpperCase() })),
    bus: bus ?? null,
    ...rest,
  };
}
