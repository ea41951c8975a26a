import type { Random } from "../../core/model/random.ts";

/** W3C trace context. Source: https://www.w3.org/TR/trace-context/, 3.2. */

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

/** True for a header that the services behind us can continue; versions to come may be longer. */
export function isTraceparent(text: string): boolean {
  // Most requests bring none: they need not wait for a pattern.
  if (text.length < 55 || !TRACEPARENT.test(text)) return false;
  return text.length === 55 || (text.length > 55 && text[55] === "-" && !text.startsWith("00"));
}

/** A header with room for its digits, written over by each new trace: numbers to text one by one cost ten times as much. */
const TEXT = Buffer.from(`00-${"0".repeat(32)}-${"0".repeat(16)}-01`, "latin1");

const TRACE_AT = 3;
const PARENT_AT = 36;
const DIGITS = Buffer.from("0123456789abcdef", "latin1");

/**
 * Starts a trace. Sampled, because the agent is the root here and tracing libraries sample every
 * root by default; unsampled would silence them all.
 */
export function newTraceparent(random: Random): string {
  for (let word = 0; word < 4; word++) putHex32(TRACE_AT + word * 8, random);
  for (let word = 0; word < 2; word++) putHex32(PARENT_AT + word * 8, random);
  return TEXT.toString("latin1");
}

/** Eight hex digits, the first one never 0: that keeps ids from being all zeros. */
function putHex32(at: number, random: Random): void {
  const bits = (random() * 2 ** 32) | 0x10000000;
  for (let digit = 0; digit < 8; digit++)
    TEXT[at + digit] = DIGITS[(bits >>> (28 - digit * 4)) & 15] ?? 0;
}
