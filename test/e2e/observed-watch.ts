import type { EndpointsUpdate } from "../../src/core/discovery/update.ts";
import type { WatchListener, WatchSource } from "../../src/ports/watch-source.ts";

/** The update that a stream is being told just now, in a few words; a list that changes changed by it. */
export class LastUpdate {
  #replica = "";
  #update: EndpointsUpdate | undefined;

  /** Whether it says that the lease of that process ran out. */
  expires(registrationId: string): boolean {
    const removal = this.#update?.removals.find((one) => one.registrationId === registrationId);
    return removal?.reason === "expired";
  }

  /** @param id of an instance that it is about. */
  about(id: string | undefined): string {
    if (this.#update === undefined) return "nobody";
    const { kind, version, settled, removals } = this.#update;
    const removal = removals.find((one) => one.id === id);
    const cause = removal === undefined ? "" : `, ${removal.registrationId} ${removal.reason}`;
    return `${kind} ${version} of ${this.#replica}${settled ? "" : ", unsettled"}${cause}`;
  }

  /** A source whose streams note what they hear. */
  of(source: WatchSource): WatchSource {
    return {
      open: (destination, hello, listener) => source.open(destination, hello, this.#hear(listener)),
    };
  }

  #hear(listener: WatchListener): WatchListener {
    let replica = "";
    return {
      ...listener,
      welcome: (welcome) => {
        replica = welcome.replicaId;
        listener.welcome(welcome);
      },
      update: (update) => {
        if (update.type === "endpoints") {
          this.#update = update;
          this.#replica = replica;
        }
        listener.update(update);
      },
    };
  }
}
