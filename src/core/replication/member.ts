import type { Digest } from "../model/digest.ts";
import type { Origin } from "./entry.ts";
import type { AppliedPosition, Heartbeat, MemberFlags } from "./messages.ts";

/** `dead` and `left` are kept for people to see; what they owned is nobody's. */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/** Whether a replica in that state serves, for all that is known: silence alone takes nothing from it yet. */
export function isLive(state: MemberState | "unheard" | undefined): boolean {
  return state === "alive" || state === "suspect";
}

/** A replica as operators see it. */
export interface MemberView {
  readonly origin: Origin;
  readonly state: MemberState;
  readonly seq: number;
  readonly digest: Digest;
  /** How far it is with the records of others. */
  readonly applied: readonly AppliedPosition[];
  readonly address: string;
  readonly softwareVersion: string;
  readonly flags: MemberFlags;
  /** Since its last heartbeat, or since it was given new time. */
  readonly silentMs: number;
  /** Its wall clock minus ours, at its last heartbeat; the time on the way is part of it. */
  readonly clockOffsetMs: number;
}

/** Another replica. */
export class Member {
  state: MemberState = "alive";
  #heartbeat: Heartbeat;
  #heardMs: number;
  #clockOffsetMs: number;

  constructor(heartbeat: Heartbeat, nowMs: number, wallMs: number) {
    this.#heartbeat = heartbeat;
    this.#heardMs = nowMs;
    this.#clockOffsetMs = heartbeat.wallMs - wallMs;
  }

  get origin(): Origin {
    return this.#heartbeat.origin;
  }

  get isLive(): boolean {
    return isLive(this.state);
  }

  silentMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /** True when it says that it hears this replica. */
  hears({ replicaId, epoch }: Origin, withinMs: number): boolean {
    return this.#heartbeat.applied.some(
      (position) =>
        position.replicaId === replicaId &&
        position.epoch === epoch &&
        position.silentMs < withinMs,
    );
  }

  /** Gives it a whole round of new time. */
  rearm(nowMs: number): void {
    if (this.isLive) this.#heardMs = nowMs;
  }

  /** @returns what changed by it; a heartbeat of an earlier life changes nothing */
  heard(
    heartbeat: Heartbeat,
    nowMs: number,
    wallMs: number,
  ): "joined" | "restarted" | "alive" | undefined {
    const { epoch } = this.#heartbeat.origin;
    if (heartbeat.origin.epoch < epoch) return undefined;
    const isRestart = heartbeat.origin.epoch > epoch;
    // A late message of who said goodbye.
    if (this.state === "left" && !isRestart) return undefined;
    const before = this.state;
    this.#heartbeat = heartbeat;
    this.#heardMs = nowMs;
    this.#clockOffsetMs = heartbeat.wallMs - wallMs;
    this.state = "alive";
    if (isRestart) return "restarted";
    if (before === "dead") return "joined";
    return before === "suspect" ? "alive" : undefined;
  }

  /** @returns false when an earlier life said it, or it was said before */
  leave(epoch: number): boolean {
    if (epoch < this.#heartbeat.origin.epoch || this.state === "left") return false;
    this.state = "left";
    return true;
  }

  view(nowMs: number): MemberView {
    const { origin, seq, digest, applied, address, softwareVersion, flags } = this.#heartbeat;
    const { state } = this;
    return {
      ...{ origin, state, seq, digest, applied, address, softwareVersion, flags },
      silentMs: this.silentMs(nowMs),
      clockOffsetMs: this.#clockOffsetMs,
    };
  }
}
