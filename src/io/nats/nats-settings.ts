import { MeshError } from "../../core/model/mesh-error.ts";

/** NATS' own. Source: docs.nats.io. */
const DEFAULT_PORT = 4222;

/** Where the servers are, and what they are shown. Secrets stand in files, read anew at each connect, or in a URL. */
export interface NatsSettings {
  /** `nats://HOST:PORT`, `tls://HOST:PORT` or `HOST:PORT`; all servers of the cluster, tried in a random order. */
  readonly servers: readonly string[];
  /** A `.creds` file of a user of a NATS account. */
  readonly credsFile?: string | undefined;
  /** The seed of an nkey, `SU...`. */
  readonly nkeyFile?: string | undefined;
  /** With `passwordFile`. */
  readonly user?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** A server as its URL names it. */
export interface NatsServer {
  /** The URL without secrets. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Never without TLS. */
  readonly isTls: boolean;
  /** Of the URL; `token` is a user without a password. */
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
}

/**
 * @returns the servers, all well formed
 * @throws MeshError INVALID_ARGUMENT without any secret that a URL holds
 */
export function parseServers(settings: NatsSettings): readonly NatsServer[] {
  const { servers, credsFile, nkeyFile, user, passwordFile, tokenFile } = settings;
  if (servers.length === 0) throw invalid("no NATS server is named: give at least one URL");
  if ((user === undefined) !== (passwordFile === undefined)) {
    throw invalid("a NATS user and its password file belong together: give both or neither");
  }
  const given = Object.entries({ credsFile, nkeyFile, passwordFile, tokenFile })
    .filter(([, file]) => file !== undefined)
    .map(([name]) => name);
  if (given.length > 1) {
    throw invalid(`NATS takes one way to say who we are, but ${given.join(" and ")} are given`);
  }
  const parsed = servers.map(parseServer);
  const withSecret = parsed.find((server) => server.user ?? server.token);
  if (withSecret !== undefined && given.length > 0) {
    throw invalid(
      `the URL of ${withSecret.url} holds a user and ${given[0]} is given: keep one of the two`,
    );
  }
  return parsed;
}

function parseServer(text: string): NatsServer {
  const url = URL.parse(text.includes("://") ? text : `nats://${text}`);
  // What cannot be read cannot be redacted either: name it only when it holds no secret.
  const shown = text.includes("@") ? "the URL of a NATS server" : `"${text}"`;
  if (url === null || url.hostname === "") {
    throw invalid(`${shown} is no address: write nats://HOST:PORT or tls://HOST:PORT`);
  }
  if (url.protocol !== "nats:" && url.protocol !== "tls:") {
    throw invalid(`${shown} begins with ${url.protocol}//: only nats:// and tls:// are known`);
  }
  if ((url.pathname !== "" && url.pathname !== "/") || url.search !== "" || url.hash !== "") {
    throw invalid(`${shown} has something behind the port: write nats://HOST:PORT`);
  }
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  const first = url.username === "" ? undefined : decode(url.username, shown);
  const password = url.password === "" ? undefined : decode(url.password, shown);
  return {
    url: `${url.protocol}//${url.hostname}:${port}`,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port,
    isTls: url.protocol === "tls:",
    user: password === undefined ? undefined : first,
    password,
    token: password === undefined ? first : undefined,
  };
}

function decode(part: string, shown: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw invalid(`${shown} holds a stray % before the @: write %25 for it`);
  }
}

function invalid(message: string): MeshError {
  return new MeshError("INVALID_ARGUMENT", message);
}
