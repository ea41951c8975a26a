import type { experimental } from "@grpc/grpc-js";
import { MeshError } from "../../core/model/mesh-error.ts";
import { isName } from "../../core/model/names.ts";
import { MESH_DOMAIN } from "../../core/routing/match.ts";

/** The URI scheme of services of a mesh. */
export const MESH_SCHEME = "weir";

/** What a client's target names. */
export interface MeshTarget {
  /** As `Mesh.connect` was told; `undefined` leaves it to what is open. */
  readonly mesh: string | undefined;
  /** `undefined` is the mesh's own one. */
  readonly namespace: string | undefined;
  readonly service: string;
}

const FORMS = "write weir:SERVICE, weir:NAMESPACE/SERVICE or weir://MESH/NAMESPACE/SERVICE";

/**
 * `weir:orders`, `weir:shop/orders`, `weir://MESH/orders` or `weir://MESH/shop/orders`.
 *
 * @throws MeshError INVALID_ARGUMENT: a client with such a target could never work.
 */
export function parseMeshTarget({ authority, path }: experimental.GrpcUri): MeshTarget {
  const parts = path.split("/");
  const service = parts.pop() ?? "";
  const namespace = parts.pop();
  const areNames = isName(service) && (namespace === undefined || isName(namespace));
  if (!areNames || parts.length > 0) {
    throw new MeshError(
      "INVALID_ARGUMENT",
      `"${textOf(authority, path)}" names no service: ${FORMS}`,
    );
  }
  return { mesh: authority === "" ? undefined : authority, namespace, service };
}

/**
 * What servers see as `:authority`, and what TLS looks for in their certificates: the name that
 * HTTP clients of the mesh use too, `orders.weir` or `orders.shop.weir`. Another one can be set
 * by the channel option `grpc.default_authority` or `grpc.ssl_target_name_override`.
 */
export function authorityOf({ namespace, service }: MeshTarget): string {
  return namespace === undefined
    ? `${service}.${MESH_DOMAIN}`
    : `${service}.${namespace}.${MESH_DOMAIN}`;
}

function textOf(authority: string | undefined, path: string): string {
  return `${MESH_SCHEME}:${authority === undefined ? "" : `//${authority}/`}${path}`;
}
