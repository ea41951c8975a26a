import type {
  AttachListener,
  AttachSession,
  AttachSource,
  LeaseName,
} from "../../src/ports/attach-source.ts";

/** Sees what a client's sessions confirm, which the client itself does not tell. */
export function observedAttach(
  source: AttachSource,
  told: { attached(replicaId: string): void; deregistered(lease: LeaseName): void },
): AttachSource {
  return {
    open(destination, hello, listener) {
      const asked = new Map<number, readonly LeaseName[]>();
      const session = source.open(destination, hello, observedListener(listener, asked, told));
      return { ...session, deregister: deregisterOf(session, asked) };
    },
  };
}

function deregisterOf(session: AttachSession, asked: Map<number, readonly LeaseName[]>) {
  return (requestId: number, leases: readonly LeaseName[]): void => {
    asked.set(requestId, leases);
    session.deregister(requestId, leases);
  };
}

function observedListener(
  listener: AttachListener,
  asked: Map<number, readonly LeaseName[]>,
  told: { attached(replicaId: string): void; deregistered(lease: LeaseName): void },
): AttachListener {
  return {
    ...listener,
    welcome(welcome) {
      told.attached(welcome.replicaId);
      listener.welcome(welcome);
    },
    deregistered(requestId) {
      for (const lease of asked.get(requestId) ?? []) told.deregistered(lease);
      asked.delete(requestId);
      listener.deregistered(requestId);
    },
    end(end) {
      told.attached("");
      listener.end(end);
    },
  };
}
