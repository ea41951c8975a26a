import type { WatchListener, WatchSource } from "../../src/ports/watch-source.ts";

/** The update that a stream is being told just now, in a few words; a list that changes changed by it. */
export class LastUpdate {
  #text = "";

  get text(): string {
    return this.#text;
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
          const { kind, version, settled } = update;
          this.#text = `${kind} ${version} of ${replica}${settled ? "" : ", unsettled"}`;
        }
        listener.update(update);
      },
    };
  }
}
