/** One change to many watchers, what a watcher costs, and what a change costs; see README.md. */
import { median, round } from "./median.ts";
import type { BenchResult } from "./result.ts";
import { measureBytes } from "./watch-bytes.ts";
import { type Delivery, measureDelivery, type Shape } from "./watch-deliver.ts";
import { measureMemory } from "./watch-memory.ts";

const DELIVERIES: readonly { readonly name: string; readonly shape: Shape }[] = [
  { name: "1000", shape: { connections: 100, streamsPerConnection: 10 } },
  { name: "10000", shape: { connections: 100, streamsPerConnection: 100 } },
  { name: "own_2000", shape: { connections: 2_000, streamsPerConnection: 1 } },
];

const MEMORY_SHAPE: Shape = { connections: 100, streamsPerConnection: 100 };

/** Resident memory moves by some percent from process to process. */
const MEMORY_ROUNDS = 3;

const SIZES = [100, 1_000, 10_000];

export interface WatchOptions {
  /** Alternating rounds of each delivery. */
  readonly rounds: number;
  /** Only the parts whose name contains this. */
  readonly only: string;
  readonly say: (line: string) => void;
}

export async function watch(options: WatchOptions): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const peers: Record<string, number> = {};
  for (const { name, shape } of DELIVERIES) {
    if (!`deliver_${name}`.includes(options.only)) continue;
    const delivery = await measureDelivery(shape, options.rounds);
    options.say(`deliver_${name}: ${describe(delivery)}`);
    figures[`deliver_ratio_${name}`] = round(delivery.weir.lastMs / delivery.raw.lastMs);
    figures[`deliver_median_ratio_${name}`] = round(delivery.weir.medianMs / delivery.raw.medianMs);
    figures[`deliver_ms_${name}`] = round(delivery.weir.lastMs);
    peers[`raw_deliver_ms_${name}`] = round(delivery.raw.lastMs);
  }
  if ("rss".includes(options.only)) await addMemory(figures, peers, options.say);
  if ("bytes_per_change".includes(options.only)) {
    for (const [size, bytes] of await measureBytes(SIZES))
      figures[`bytes_per_change_${size}`] = bytes;
  }
  return { figures, peers };
}

async function addMemory(
  figures: Record<string, number>,
  peers: Record<string, number>,
  say: (line: string) => void,
): Promise<void> {
  const weir: number[] = [];
  const raw: number[] = [];
  for (let i = 0; i < MEMORY_ROUNDS; i++) {
    raw.push(await measureMemory("raw", MEMORY_SHAPE));
    weir.push(await measureMemory("weir", MEMORY_SHAPE));
    say(`rss per watcher: weir ${weir.at(-1)?.toFixed(0)} bytes, raw ${raw.at(-1)?.toFixed(0)}`);
  }
  Object.assign(figures, {
    rss_ratio: round(median(weir) / median(raw)),
    rss_bytes_per_watcher: Math.round(median(weir)),
  });
  Object.assign(peers, { raw_rss_bytes_per_watcher: Math.round(median(raw)) });
}

function describe({ weir, raw, messageBytes }: Delivery): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`;
  return (
    `last receipt ${ms(weir.lastMs)}, raw ${ms(raw.lastMs)}; ` +
    `median receipt ${ms(weir.medianMs)}, raw ${ms(raw.medianMs)}; ${messageBytes} bytes each`
  );
}
