import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";
import type { Address } from "../../core/model/instance.ts";

/** Where an instance can be dialled, as somebody typed it. */
export interface Target {
  readonly address: Address;
  /** 0 for a unix socket. */
  readonly port: number;
}

const HOW = "Write HOST:PORT, [IPV6]:PORT or unix:/path/of.sock.";

/** `127.0.0.1:8081`, `[::1]:8081`, `db.local:5432` or `unix:/run/x.sock`. */
export function parseTarget(text: string): Target {
  if (text.startsWith("unix:")) {
    return { address: { kind: "unix", value: text.slice("unix:".length) }, port: 0 };
  }
  const [, host = "", digits = ""] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === "" || port < 1 || port > 65_535) throw new InvalidArgumentError(HOW);
  if (host.startsWith("[") && host.endsWith("]") && isIP(host.slice(1, -1)) === 6) {
    return { address: { kind: "ip", value: host.slice(1, -1) }, port };
  }
  if (isIP(host) === 4) return { address: { kind: "ip", value: host }, port };
  if (/[:[\]\s]/.test(host)) throw new InvalidArgumentError(HOW);
  return { address: { kind: "hostname", value: host }, port };
}

/** An instance id that says where the instance is: the same for every registration of that address. */
export function idFromTarget(text: string): string {
  const looksLikeId = text.replaceAll(/[^A-Za-z0-9._:@-]/g, "-");
  return looksLikeId.slice(-128).replaceAll(/^[^A-Za-z0-9]+|[^A-Za-z0-9]+$/g, "");
}
