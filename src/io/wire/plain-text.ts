/** Checks of ids and addresses on the bytes that arrived, before a string is made of them. */

const ALPHANUMERIC = 1;
const INNER = 2;

const CLASS = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
  CLASS[character.charCodeAt(0)] = ALPHANUMERIC | INNER;
}
for (const character of "-._:@") CLASS[character.charCodeAt(0)] = INNER;

/** The rule of `isInstanceId`, but for the length. */
export function areIdBytes(bytes: Uint8Array, start: number, end: number): boolean {
  if (start >= end) return false;
  if (classAt(bytes, start) !== (ALPHANUMERIC | INNER)) return false;
  if (classAt(bytes, end - 1) !== (ALPHANUMERIC | INNER)) return false;
  for (let i = start + 1; i < end - 1; i++) if (classAt(bytes, i) === 0) return false;
  return true;
}

function classAt(bytes: Uint8Array, index: number): number {
  return CLASS[bytes[index] ?? 0] ?? 0;
}

const DOT = 0x2e;
const ZERO = 0x30;

/** True for an IPv4 address that can be dialled: four numbers up to 255 without leading zeros, not 0.0.0.0. */
export function areIpv4Bytes(bytes: Uint8Array, start: number, end: number): boolean {
  let parts = 0;
  let sum = 0;
  for (let at = start; at <= end; parts++) {
    let partEnd = at;
    while (partEnd < end && bytes[partEnd] !== DOT) partEnd++;
    const value = octetOf(bytes, at, partEnd);
    if (value < 0) return false;
    sum += value;
    at = partEnd + 1;
  }
  return parts === 4 && sum > 0;
}

/** 0..255, or -1 for what is not a part of an address. */
function octetOf(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 1 || length > 3 || (length > 1 && bytes[start] === ZERO)) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value <= 255 ? value : -1;
}
