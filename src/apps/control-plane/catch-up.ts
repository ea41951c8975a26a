import type { Sent } from "../../core/discovery/subscription.ts";
import type { SharedView } from "./shared-view.ts";
import type { StreamSubscription } from "./watcher.ts";

/** One watcher's cursor in one service, and where it should be. */
interface Step {
  readonly subscription: StreamSubscription;
  readonly shared: SharedView;
  readonly isSettled: boolean;
  readonly nowMs: number;
}

/** Sends one message that brings a watcher nearer to now. @returns false when it is even. */
export function sendNext(step: Step): boolean {
  const { subscription } = step;
  const { view } = step.shared;
  if (view.serviceVersion > Math.max(0, subscription.serviceSentVersion)) return sendRecord(step);
  subscription.serviceSentVersion = view.serviceVersion;
  if (subscription.chunks !== undefined) return sendChunk(step);
  if (subscription.sentVersion < 0) return sendFirst(step);
  if (subscription.told === "elsewhere") return sendFormer(step);
  if (view.version > subscription.sentVersion) return sendChanges(step);
  if (subscription.told === "nothing")
    return sendNotice(step, view.size === 0 ? "absent" : "resumed");
  if (subscription.told === "settled" || !step.isSettled) return false;
  // The agent may hold more than we ever listed: only a whole list says what to drop.
  if (subscription.trouble?.isHeld && view.size > 0) return beginSnapshot(step);
  return sendNotice(step, view.size === 0 ? "absent" : "resumed");
}

/** Writes shared bytes and counts them until they are acknowledged. */
export function write(
  subscription: StreamSubscription,
  frame: Uint8Array,
  update: Sent,
  nowMs: number,
): void {
  const { watcher } = subscription;
  subscription.sent(update, nowMs);
  if (!watcher.sink.send(frame)) watcher.isWritable = false;
}

/** What an endpoints frame counts as until it is acknowledged. */
export function endpointsUpdate(version: number, chunk: number, frame: Uint8Array): Sent {
  return { type: "endpoints", version, chunk, bytes: frame.length };
}

function sendRecord({ subscription, shared, isSettled, nowMs }: Step): true {
  const version = shared.view.serviceVersion;
  subscription.serviceSentVersion = version;
  const frame = shared.recordFrame(isSettled);
  write(subscription, frame, { type: "service", version, chunk: 0, bytes: frame.length }, nowMs);
  return true;
}

function sendFirst(step: Step): boolean {
  const { view } = step.shared;
  if (view.size > 0) return beginSnapshot(step);
  if (view.exists || step.isSettled) {
    step.subscription.sentVersion = view.version;
    return sendNotice(step, "absent");
  }
  return step.subscription.told === "nothing" ? sendNotice(step, "pending") : false;
}

function sendChanges(step: Step): true {
  const { subscription, shared, isSettled, nowMs } = step;
  const { view } = shared;
  if (!view.canDeltaFrom(subscription.sentVersion)) return beginSnapshot(step);
  const frame = shared.deltaFrame(subscription.sentVersion, isSettled);
  subscription.sentVersion = view.version;
  subscription.told = isSettled ? "settled" : "unsettled";
  write(subscription, frame, endpointsUpdate(view.version, 0, frame), nowMs);
  return true;
}

/** Gives what the agent holds a version of ours: deltas start from there. */
function sendFormer(step: Step): true {
  const { subscription, shared, nowMs } = step;
  const { sentVersion } = subscription;
  const frame = shared.formerFrame(sentVersion);
  if (frame === undefined) return beginSnapshot(step);
  subscription.told = "unsettled";
  write(subscription, frame, endpointsUpdate(sentVersion, 0, frame), nowMs);
  return true;
}

function sendNotice(step: Step, kind: "pending" | "resumed" | "absent"): true {
  const { subscription, shared, isSettled, nowMs } = step;
  subscription.told = isSettled ? "settled" : "unsettled";
  const frame = shared.noticeFrame(kind, isSettled);
  write(subscription, frame, endpointsUpdate(shared.view.version, 0, frame), nowMs);
  return true;
}

function beginSnapshot(step: Step): true {
  const { subscription, shared, isSettled } = step;
  subscription.told = isSettled ? "settled" : "unsettled";
  const frames = shared.snapshotFrames(isSettled);
  subscription.chunks = { frames, version: shared.view.version, next: 0 };
  return sendChunk(step);
}

function sendChunk({ subscription, nowMs }: Step): true {
  const { chunks } = subscription;
  const frame = chunks?.frames[chunks.next];
  if (chunks === undefined || frame === undefined) {
    subscription.chunks = undefined;
    return true;
  }
  const chunk = chunks.next++;
  if (chunks.next === chunks.frames.length) {
    subscription.chunks = undefined;
    subscription.sentVersion = chunks.version;
  }
  write(subscription, frame, endpointsUpdate(chunks.version, chunk, frame), nowMs);
  return true;
}
