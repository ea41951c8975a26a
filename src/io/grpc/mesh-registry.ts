import type { ChannelServices } from "../../ports/channel-balancing.ts";

/** Of a mesh that was given no name, and of targets that name none while several are open. */
export const DEFAULT_MESH_NAME = "default";

/** Names of closed meshes that are remembered, for a better message: more would be a leak. */
const MAX_CLOSED_NAMES = 100;

/** A mesh that is or was open in this process. */
export interface RegisteredMesh {
  readonly name: string;
  readonly services: ChannelServices;
  /** Calls that ended UNAVAILABLE are tried again. */
  readonly retryUnavailable: boolean;
  readonly isOpen: boolean;
}

/** Why there is no mesh for a target. What is final does not mend itself: nobody should wait for it. */
export interface NoMesh {
  readonly problem: string;
  readonly isFinal: boolean;
}

/** The meshes of a process, for clients that name theirs by a target only. */
export class MeshRegistry {
  readonly #open = new Set<RegisteredMesh>();
  readonly #closedNames = new Set<string>();
  readonly #listeners = new Set<() => void>();

  /** @returns how to close it again; a second call does nothing. */
  open(name: string, services: ChannelServices, retryUnavailable: boolean): () => void {
    const mesh = { name, services, retryUnavailable, isOpen: true };
    this.#open.add(mesh);
    this.#closedNames.delete(name);
    this.#tell();
    return () => {
      if (!this.#open.delete(mesh)) return;
      mesh.isOpen = false;
      this.#rememberClosed(name);
      this.#tell();
    };
  }

  /** @param name the one that a target names; `undefined` takes what is open. */
  find(name: string | undefined): RegisteredMesh | NoMesh {
    const called = [...this.#open].filter((mesh) => name === undefined || mesh.name === name);
    const [only, ...others] = called;
    if (only !== undefined && others.length === 0) return only;
    if (only === undefined) return this.#noneCalled(name);
    if (name !== undefined) return ambiguous(`${called.length} open meshes are called "${name}"`);
    const defaults = called.filter((mesh) => mesh.name === DEFAULT_MESH_NAME);
    const [chosen] = defaults;
    if (chosen !== undefined && defaults.length === 1) return chosen;
    const names = called.map((mesh) => `"${mesh.name}"`).join(", ");
    return ambiguous(`several meshes are open in this process: ${names}`);
  }

  /** Calls `listener` when a mesh opened or closed. @returns how to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #noneCalled(name: string | undefined): NoMesh {
    const wasClosed = name === undefined ? this.#closedNames.size > 0 : this.#closedNames.has(name);
    const called = name === undefined ? "" : ` "${name}"`;
    if (wasClosed) {
      return { problem: `the mesh${called} is closed: call Mesh.connect again`, isFinal: true };
    }
    if (this.#open.size === 0) {
      const problem = "no mesh is open in this process: call Mesh.connect first";
      return { problem, isFinal: false };
    }
    const names = Array.from(this.#open, (mesh) => `"${mesh.name}"`).join(", ");
    return { problem: `no mesh${called} is open in this process, only ${names}`, isFinal: false };
  }

  #rememberClosed(name: string): void {
    const [oldest] = this.#closedNames;
    if (oldest !== undefined && this.#closedNames.size >= MAX_CLOSED_NAMES) {
      this.#closedNames.delete(oldest);
    }
    this.#closedNames.add(name);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

function ambiguous(what: string): NoMesh {
  const fix =
    "give each its own name in Mesh.connect, and name the one that is meant: weir://MESH/SERVICE";
  return { problem: `${what}: ${fix}`, isFinal: true };
}
