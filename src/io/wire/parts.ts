import {
  type Address,
  type Locality,
  type Metadata,
  NO_LOCALITY,
  NO_METADATA,
  type Port,
  type Protocol,
} from "../../core/model/instance.ts";
import { NO_ADDRESS } from "../../core/model/validate-address.ts";
import type {
  Address as AddressMessage,
  Locality as LocalityMessage,
  Port as PortMessage,
} from "../../gen/weir/v1/types.ts";
import { Protocol as ProtocolCode } from "../../gen/weir/v1/types.ts";

/** The pieces that instances and endpoints share. Translates only; nothing here refuses. */

/** A kind of address that is not set, or newer than this program, is `NO_ADDRESS`. */
export function addressFromWire(message: AddressMessage | undefined): Address {
  const target = message?.target;
  switch (target?.$case) {
    case "ip":
      return { kind: "ip", value: target.value };
    case "hostname":
      return { kind: "hostname", value: target.value };
    case "unixPath":
      return { kind: "unix", value: target.value };
    default:
      return NO_ADDRESS;
  }
}

export function addressToWire({ kind, value }: Address): AddressMessage {
  return { target: { $case: kind === "unix" ? "unixPath" : kind, value } };
}

/** An unknown protocol is taken as HTTP/1.1, like one that was not said. */
export function protocolFromWire(code: ProtocolCode): Protocol {
  switch (code) {
    case ProtocolCode.PROTOCOL_HTTP2:
      return "http2";
    case ProtocolCode.PROTOCOL_GRPC:
      return "grpc";
    case ProtocolCode.PROTOCOL_TCP:
      return "tcp";
    default:
      return "http1";
  }
}

const PROTOCOL_CODES: Readonly<Record<Protocol, ProtocolCode>> = {
  http1: ProtocolCode.PROTOCOL_HTTP1,
  http2: ProtocolCode.PROTOCOL_HTTP2,
  grpc: ProtocolCode.PROTOCOL_GRPC,
  tcp: ProtocolCode.PROTOCOL_TCP,
};

export function protocolToWire(protocol: Protocol): ProtocolCode {
  return PROTOCOL_CODES[protocol];
}

/** What the first port is called when nobody says. */
const DEFAULT_PORT_NAME = "http";

export function portsFromWire(messages: readonly PortMessage[]): Port[] {
  return messages.map(({ name, port, protocol }, index) => ({
    name: name === "" && index === 0 ? DEFAULT_PORT_NAME : name,
    port,
    protocol: protocolFromWire(protocol),
  }));
}

export function portsToWire(ports: readonly Port[]): PortMessage[] {
  return ports.map(({ name, port, protocol }) => ({
    name,
    port,
    protocol: protocolToWire(protocol),
  }));
}

export function localityFromWire(message: LocalityMessage | undefined): Locality {
  if (message === undefined) return NO_LOCALITY;
  const { region, zone, subZone } = message;
  return region === "" && zone === "" && subZone === "" ? NO_LOCALITY : { region, zone, subZone };
}

/** `undefined` when nothing is known: most agents and instances send no locality. */
export function localityToWire(locality: Locality): LocalityMessage | undefined {
  const { region, zone, subZone } = locality;
  return region === "" && zone === "" && subZone === "" ? undefined : { region, zone, subZone };
}

export function metadataFromWire(metadata: Map<string, string>): Metadata {
  return metadata.size === 0 ? NO_METADATA : metadata;
}

/** A map of its own, because the message may outlive changes of the original. */
export function metadataToWire(metadata: Metadata): Map<string, string> {
  return new Map(metadata);
}
