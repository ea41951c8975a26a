import { MeshError } from "../../core/model/mesh-error.ts";
import type { ClusterSummary } from "../../ports/cluster-api.ts";
import type { ControlPlaneApi } from "../../ports/control-plane-api.ts";

/** @returns `undefined` when the server is too old to tell */
export async function clusterOf(api: ControlPlaneApi): Promise<ClusterSummary | undefined> {
  try {
    return await api.listMembers();
  } catch (error) {
    if (error instanceof MeshError && error.code === "UNIMPLEMENTED") return undefined;
    throw error;
  }
}
