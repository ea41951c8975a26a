import type { Random } from "../../src/core/model/random.ts";
import type { Timeline } from "./timeline.ts";

/** How the messages of one direction travel. */
export interface LinkState {
  /** Nothing passes: TCP keeps it and sends it again. */
  isCut: boolean;
  /** Between these, uniformly. */
  delayMs: readonly [number, number];
  /** So long the receiver takes over each message: it reads slowly. */
  readMs: number;
}

/** The way between processes, by their names. */
export interface Links {
  readonly timeline: Timeline;
  readonly random: Random;
  link(from: string, to: string): LinkState;
}
