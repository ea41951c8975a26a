import type { Random } from "../../core/model/random.ts";

/** W3C trace context. Source: https://www.w3.org/TR/trace-context/, 3.2. */

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/;

/** True for a header that the services behind us can continue; versions to come may be longer. */
export function isTraceparent(text: string): boolean {
  if (!TRACEPARENT.test(text)) return false;
  return text.length === 55 || (text.length > 55 && text[55] === "-" && !text.startsWith("00"));
}

/**
 * Starts a trace. Sampled, because the agent is the root here and tracing libraries sample every
 * root by default; unsampled would silence them all.
 */
export function newTraceparent(random: Random): string {
  return `00-${hex32(random)}${hex32(random)}${hex32(random)}${hex32(random)}-${hex32(random)}${hex32(random)}-01`;
}

/** Eight hex digits, the first one never 0: that keeps ids from being all zeros. */
function hex32(random: Random): string {
  return (0x10000000 + Math.floor(random() * 0xf0000000)).toString(16);
}
