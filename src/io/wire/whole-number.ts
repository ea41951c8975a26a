import { MeshError } from "../../core/model/mesh-error.ts";

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * A 64-bit version, epoch or revision of the wire as a number.
 * @throws MeshError PROTOCOL_VIOLATION above 2^53 - 1, which a count never reaches.
 */
export function wholeNumber(value: bigint, field: string): number {
  if (value <= LARGEST) return Number(value);
  const rule = `is above ${LARGEST}, which no Weir sends`;
  throw new MeshError("PROTOCOL_VIOLATION", `${field} ${value} ${rule}; are both sides Weir?`);
}
