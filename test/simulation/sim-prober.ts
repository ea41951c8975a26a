import type { ProbeResult, Prober, TcpProbeTarget } from "../../src/ports/prober.ts";
import type { Links } from "./links.ts";
import type { SimProcess } from "./sim-process.ts";

/** Where instances are: who listens at a port answers even while its process stands still. */
export interface Doors {
  /** @returns the name of the machine, and whether something listens there; `undefined` for no machine */
  find(host: string, port: number): { readonly name: string; readonly isOpen: boolean } | undefined;
}

const TIMED_OUT: ProbeResult = { ok: false, detail: "no answer" };
const REFUSED: ProbeResult = { ok: false, detail: "connection refused", isRefused: true };
const ACCEPTED: ProbeResult = { ok: true, detail: "" };

/** Asks instances from a replica, over the same links as their clients' connections. */
export function simProber(links: Links, doors: Doors, process: SimProcess): Prober<TcpProbeTarget> {
  const { timeline, random } = links;
  return {
    probe: ({ host, port }, timeoutMs) =>
      new Promise((resolve) => {
        const answer = (afterMs: number, result: ProbeResult): void => {
          timeline.after(afterMs, () => process.run(() => resolve(result)));
        };
        const name = doors.find(host, port)?.name;
        const ways =
          name === undefined
            ? []
            : [links.link(process.name, name), links.link(name, process.name)];
        const tripMs = ways.reduce(
          (sum, { delayMs: [min, max] }) => sum + min + random() * (max - min),
          0,
        );
        if (name === undefined || ways.some(({ isCut }) => isCut) || tripMs >= timeoutMs) {
          answer(timeoutMs, TIMED_OUT);
          return;
        }
        answer(tripMs, doors.find(host, port)?.isOpen ? ACCEPTED : REFUSED);
      }),
  };
}
