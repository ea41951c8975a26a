import type { InstanceId, RegistrationId } from "./names.ts";

/** Where an instance can be dialled. */
export interface Address {
  readonly kind: "ip" | "hostname" | "unix";
  /** A literal IP without brackets, a DNS name, or an absolute path. */
  readonly value: string;
}

/** What is spoken on a port. */
export type Protocol = "http1" | "http2" | "grpc" | "tcp";

export interface Port {
  readonly name: string;
  /** 1..65535; 0 only for a unix socket. */
  readonly port: number;
  readonly protocol: Protocol;
}

/** Where something runs, from large to small; an empty part is unknown. */
export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export const NO_LOCALITY: Locality = Object.freeze({ region: "", zone: "", subZone: "" });

/** What an instance, or the agent that probes it, says of its health. */
export type Health = "healthy" | "unhealthy";

export type Metadata = ReadonlyMap<string, string>;

/** Shared by all instances without labels: most have none, and a Map costs 200 bytes. */
export const NO_METADATA: Metadata = new Map();

/** Leaves room for steps of 5 % in both directions. */
export const DEFAULT_WEIGHT = 100;

/** One running copy of a service, as it registered itself: the client's part of a record. */
export interface Instance {
  readonly namespace: string;
  readonly service: string;
  readonly id: InstanceId;
  readonly address: Address;
  /** The first one is the default. */
  readonly ports: readonly Port[];
  /** 0..10000; 0 takes no new requests. */
  readonly weight: number;
  /** 0 serves first (master); larger numbers serve while no smaller one can (backup). */
  readonly priority: number;
  readonly locality: Locality;
  readonly metadata: Metadata;
  readonly health: Health;
  readonly registrationId: RegistrationId;
  /** Counts the attachments of this registrationId, kept by the client. */
  readonly generation: number;
  /** How long silence is trusted. */
  readonly leaseMs: number;
}

/** What an instance says of its service as a whole. */
export interface ServiceDefaults {
  readonly protocol: Protocol;
  /** A balancing policy's name; `""` leaves it to the agent. */
  readonly policy: string;
}

/** `10.0.0.7:80`, `[::1]:80`, `db.local:5432` or `unix:/run/x.sock`, for people and keys. */
export function formatAddress(address: Address, port: number): string {
  if (address.kind === "unix") return `unix:${address.value}`;
  return address.value.includes(":") ? `[${address.value}]:${port}` : `${address.value}:${port}`;
}
