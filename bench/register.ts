/** Registering beside the limit of grpc-js, and what registered instances cost; see README.md. */
import { round } from "./median.ts";
import { measureRates } from "./register-rates.ts";
import { measureBeats, measureHeap } from "./register-resident.ts";
import { measureWatched } from "./register-watched.ts";
import type { BenchResult } from "./result.ts";

export interface RegisterOptions {
  /** Alternating rounds of echo, unary Register and Attach. */
  readonly rounds: number;
  /** Only the parts whose name contains this: ratio, beat, watched, heap. */
  readonly only: string;
  readonly say: (line: string) => void;
}

export async function register(options: RegisterOptions): Promise<BenchResult> {
  const figures: Record<string, number> = {};
  const peers: Record<string, number> = {};
  if ("ratio".includes(options.only)) {
    const rates = await measureRates(options.rounds, options.say);
    Object.assign(figures, {
      unary_ratio: round(rates.unaryRatio.perSecond),
      attach_register_ratio: round(rates.attachRatio.perSecond),
      attach_register_ratio_new: round(rates.newRatio.perSecond),
      attach_register_ratio_again: round(rates.againRatio.perSecond),
      unary_cpu_ratio: round(rates.unaryRatio.perCpuSecond),
      attach_register_cpu_ratio: round(rates.attachRatio.perCpuSecond),
      attach_register_cpu_ratio_new: round(rates.newRatio.perCpuSecond),
      attach_register_cpu_ratio_again: round(rates.againRatio.perCpuSecond),
      unary_per_s: Math.round(rates.unary.perSecond),
      attach_registrations_per_s: Math.round(rates.attach.perSecond),
      attach_us_of_cpu: round(1e6 / rates.attach.perCpuSecond),
    });
    peers["echo_per_s"] = Math.round(rates.echo.perSecond);
    peers["echo_us_of_cpu"] = round(1e6 / rates.echo.perCpuSecond);
  }
  if ("beat".includes(options.only)) {
    const { cpuUsPerBeat, beatsPerSecond } = await measureBeats();
    figures["cpu_us_per_session_beat"] = round(cpuUsPerBeat);
    figures["beats_per_s"] = Math.round(beatsPerSecond);
  }
  if ("watched".includes(options.only)) {
    figures["attach_share_with_100_watchers"] = round(await measureWatched());
  }
  if ("heap".includes(options.only)) {
    const { bytesPerInstance, encodedBytes } = await measureHeap();
    figures["heap_bytes_per_instance"] = Math.round(bytesPerInstance);
    figures["encoded_bytes_per_instance"] = Math.round(encodedBytes);
  }
  return { figures, peers };
}
