import { isName } from "../model/names.ts";

/**
 * From a request's host and path to the service that answers it. Host names under `.weir`
 * come first, because they name a service; everything else goes by path prefix.
 */

/** Sends what starts with a path to a service. */
export interface PathRoute {
  /** Starts with a slash; matches whole segments: `/orders` takes `/orders/7`, not `/orders7`. */
  readonly pathPrefix: string;
  readonly namespace: string;
  readonly service: string;
  /** Removes the prefix from the path that the service sees. */
  readonly stripPrefix: boolean;
}

/** Where a request goes. `path` is what the service sees, with its query. */
export interface RouteMatch {
  readonly namespace: string;
  readonly service: string;
  readonly path: string;
}

/** The agent's routes, ready to be matched. */
export interface RouteTable {
  /** Of `orders.weir`, which names no namespace. */
  readonly namespace: string;
  /** Longest prefix first. */
  readonly paths: readonly PathRoute[];
}

/** The top-level name of all services. */
export const MESH_DOMAIN = "weir";

const SUFFIX = `.${MESH_DOMAIN}`;

/** @param namespace the agent's own, for hosts that name none. */
export function routeTable(namespace: string, routes: readonly PathRoute[]): RouteTable {
  const paths = routes
    .map((route) => ({ ...route, pathPrefix: withoutTrailingSlash(route.pathPrefix) }))
    .sort((a, b) => b.pathPrefix.length - a.pathPrefix.length);
  return { namespace, paths };
}

/**
 * @param host a Host header's value: letters of any case, maybe a port, maybe a trailing dot.
 * @param path origin-form, with its query.
 * @returns `undefined` when no route takes the request.
 */
export function matchRoute(table: RouteTable, host: string, path: string): RouteMatch | undefined {
  return matchHost(table, host, path) ?? matchPath(table, path);
}

function matchHost(table: RouteTable, host: string, path: string): RouteMatch | undefined {
  const name = hostName(host);
  if (!name.endsWith(SUFFIX)) return undefined;
  const labels = name.slice(0, -SUFFIX.length);
  const dot = labels.indexOf(".");
  const service = dot === -1 ? labels : labels.slice(0, dot);
  const namespace = dot === -1 ? table.namespace : labels.slice(dot + 1);
  // Checked before it becomes a key, a label or a subscription: clients choose this text.
  return isName(service) && isName(namespace) ? { namespace, service, path } : undefined;
}

/** Lower case, without port and without the root's dot. */
function hostName(host: string): string {
  const colon = host.indexOf(":");
  const name = (colon === -1 ? host : host.slice(0, colon)).toLowerCase();
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

function matchPath(table: RouteTable, path: string): RouteMatch | undefined {
  for (const route of table.paths) {
    if (!startsWithSegments(path, route.pathPrefix)) continue;
    const { namespace, service, stripPrefix, pathPrefix } = route;
    return { namespace, service, path: stripPrefix ? stripped(path, pathPrefix.length) : path };
  }
  return undefined;
}

function startsWithSegments(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  const next = path[prefix.length];
  return next === undefined || next === "/" || next === "?" || next === "#";
}

function stripped(path: string, length: number): string {
  const rest = path.slice(length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** `/` becomes the empty prefix, which every path starts with. */
function withoutTrailingSlash(prefix: string): string {
  return prefix.replace(/\/+$/, "");
}
