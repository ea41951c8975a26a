import type { Bus, BusChange, BusMessage, BusState, BusSubscription } from "../../src/ports/bus.ts";
import type { FakeBus } from "../support/fake-bus.ts";
import type { SimProcess } from "./sim-process.ts";
import type { Timeline } from "./timeline.ts";

/** The bus of one process: what arrives for it waits while it stands still, and is lost when it is dead. */
export class SimBus implements Bus {
  readonly #bus: FakeBus;
  readonly #process: SimProcess;
  readonly #timeline: Timeline;
  readonly #threw: (error: unknown) => void;

  /** @param threw told when a listener throws, which a bus must survive and nobody should do */
  constructor(
    bus: FakeBus,
    process: SimProcess,
    timeline: Timeline,
    threw: (error: unknown) => void,
  ) {
    this.#bus = bus;
    this.#process = process;
    this.#timeline = timeline;
    this.#threw = threw;
  }

  get state(): BusState {
    const { state } = this.#bus;
    // A process counts from when its machine booted.
    const agoMs = this.#timeline.nowMs - state.sinceMs;
    return { ...state, sinceMs: this.#process.clock.nowMs() - agoMs };
  }

  publish(subject: string, payload: Uint8Array): boolean {
    return this.#bus.publish(subject, payload);
  }

  subscribe(pattern: string, listener: (message: BusMessage) => void): BusSubscription {
    let isOpen = true;
    const subscription = this.#bus.subscribe(pattern, (message) =>
      this.#run(() => {
        if (isOpen) listener(message);
      }),
    );
    return {
      close() {
        isOpen = false;
        subscription.close();
      },
    };
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#bus.request(subject, payload, timeoutMs).then(
        (answer) => this.#process.run(() => resolve(answer)),
        (error: unknown) => this.#process.run(() => reject(error)),
      );
    });
  }

  onState(listener: (change: BusChange) => void): () => void {
    return this.#bus.onState((change) => this.#run(() => listener(change)));
  }

  close(): Promise<void> {
    return this.#bus.close();
  }

  #run(task: () => void): void {
    this.#process.run(() => {
      try {
        task();
      } catch (error) {
        this.#threw(error);
      }
    });
  }
}
