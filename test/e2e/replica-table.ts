import { type CallOptions, Metadata, status as Status } from "@grpc/grpc-js";
import type {
  InstanceView,
  ListInstancesResponse,
  ListServicesResponse,
} from "../../src/gen/weir/v1/registry.ts";
import { endpointStateFromWire } from "../../src/io/wire/endpoint.ts";
import type { Replica } from "./cluster.ts";
import { answer } from "./control-plane.ts";

/** The server's largest page. */
const PAGE_SIZE = 1_000;

/** Calls in flight at one replica: it is under test, not under load. */
const AT_ONCE = 32;

const CALL_TIMEOUT_MS = 5_000;

/** What one replica says of one instance: everything that its peers have to agree on. */
export interface Row {
  readonly registrationId: string;
  readonly state: string;
  readonly draining: boolean;
  readonly operatorRevision: bigint;
  readonly weight: number;
  readonly address: string;
}

/** A replica's instances by `SERVICE/ID`. */
export type ReplicaTable = ReadonlyMap<string, Row>;

/** Reads everything that a replica holds, over its public API. */
export async function tableOf({ registry }: Pick<Replica, "registry">): Promise<ReplicaTable> {
  const services: string[] = [];
  for (let pageToken = ""; ; ) {
    const request = { namespace: "default", pageSize: PAGE_SIZE, pageToken };
    const page = await answer<ListServicesResponse>((callback) =>
      registry.listServices(request, new Metadata(), patience(), callback),
    );
    services.push(...page.services.map(({ name }) => name));
    if (page.nextPageToken === "") break;
    pageToken = page.nextPageToken;
  }
  const table = new Map<string, Row>();
  const left = services.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const service of left) await readService(registry, service, table);
    }),
  );
  return table;
}

async function readService(
  registry: Replica["registry"],
  service: string,
  table: Map<string, Row>,
): Promise<void> {
  for (let pageToken = ""; ; ) {
    const request = { service, namespace: "default", metadata: new Map(), pageSize: PAGE_SIZE };
    const page = await answer<ListInstancesResponse>((callback) =>
      registry.listInstances({ ...request, pageToken }, new Metadata(), patience(), callback),
    ).catch((error: { code?: number }) => {
      // Its last instance left between the two calls.
      if (error.code === Status.NOT_FOUND) return { instances: [], nextPageToken: "" };
      throw error;
    });
    for (const view of page.instances) {
      table.set(`${service}/${view.instance?.id}`, rowOf(view));
    }
    if (page.nextPageToken === "") return;
    pageToken = page.nextPageToken;
  }
}

function rowOf(view: InstanceView): Row {
  const { instance, state, draining, operatorRevision, effectiveWeight } = view;
  const target = instance?.address?.target;
  return {
    registrationId: instance?.registrationId ?? "",
    state: endpointStateFromWire(state),
    ...{ draining, operatorRevision },
    weight: effectiveWeight,
    address: `${target?.value}:${instance?.ports.map(({ port }) => port)}`,
  };
}

/**
 * Where tables differ, in words, one line per instance; empty when they agree.
 * @param isIgnored for instances that are about to change.
 */
export function differences(
  tables: ReadonlyMap<string, ReplicaTable>,
  isIgnored: (key: string) => boolean = () => false,
): string[] {
  const keys = new Set<string>();
  for (const table of tables.values()) for (const key of table.keys()) keys.add(key);
  const lines: string[] = [];
  for (const key of keys) {
    if (isIgnored(key)) continue;
    const rows = Array.from(tables, ([name, table]) => [name, describe(table.get(key))] as const);
    if (new Set(rows.map(([, row]) => row)).size === 1) continue;
    lines.push(`${key}: ${rows.map(([name, row]) => `${name} ${row}`).join("; ")}`);
  }
  return lines;
}

function describe(row: Row | undefined): string {
  if (row === undefined) return "nothing";
  const { registrationId, state, draining, operatorRevision, weight, address } = row;
  return `${registrationId} ${state}${draining ? " draining" : ""} r${operatorRevision} w${weight} at ${address}`;
}

function patience(): CallOptions {
  return { deadline: Date.now() + CALL_TIMEOUT_MS };
}
