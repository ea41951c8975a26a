/**
 * What clients say again and again, found by its bytes: service names, labels, ports, places.
 * Reading it anew would cost the time to decode and check it, and the memory of one copy per
 * instance. Each slot holds one entry and a newcomer takes it, so nobody can make these grow.
 */

/** Services, labels and their values of a fleet; some 100 bytes each, a megabyte at most. */
const TEXT_SLOTS = 8_192;
/** Sets of ports, places and defaults are fewer. */
const PART_SLOTS = 1_024;
/** Longer ones are rare, and comparing them costs as much as decoding. */
const MAX_BYTES = 256;

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** Texts that are allowed where they stand. Plain ASCII only. */
export class KnownTexts {
  readonly #slots: string[] = new Array<string>(TEXT_SLOTS).fill("");
  readonly #isAllowed: (text: string) => boolean;

  constructor(isAllowed: (text: string) => boolean) {
    this.#isAllowed = isAllowed;
  }

  /** @returns `undefined` for what is not plain or not allowed. */
  read(bytes: Buffer, start: number, end: number): string | undefined {
    if (start === end) return "";
    if (end - start > MAX_BYTES) return undefined;
    const slot = hashOf(bytes, start, end) % TEXT_SLOTS;
    const known = this.#slots[slot] ?? "";
    if (isEqual(known, bytes, start, end)) return known;
    for (let i = start; i < end; i++) if ((bytes[i] ?? 0) >= 0x80) return undefined;
    const text = bytes.toString("latin1", start, end);
    if (!this.#isAllowed(text)) return undefined;
    this.#slots[slot] = text;
    return text;
  }
}

function isEqual(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[start + i]) return false;
  }
  return true;
}

interface Part<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
}

/** Parts of a message that are allowed where they stand. Their values are shared: nobody may change them. */
export class KnownParts<T> {
  readonly #slots: (Part<T> | undefined)[] = new Array<Part<T> | undefined>(PART_SLOTS).fill(
    undefined,
  );
  readonly #decode: (bytes: Buffer) => T | undefined;

  /** @param decode answers `undefined` for what is not allowed, and may throw for what is broken. */
  constructor(decode: (bytes: Buffer) => T | undefined) {
    this.#decode = decode;
  }

  /** @returns `undefined` for what is not allowed, broken or too long. */
  read(bytes: Buffer, start: number, end: number): T | undefined {
    if (end - start > MAX_BYTES) return undefined;
    const slot = hashOf(bytes, start, end) % PART_SLOTS;
    const known = this.#slots[slot];
    if (known !== undefined && hasBytes(known.bytes, bytes, start, end)) return known.value;
    const copy = Buffer.from(bytes.subarray(start, end));
    const value = this.#decoded(copy);
    if (value !== undefined) this.#slots[slot] = { bytes: Uint8Array.from(copy), value };
    return value;
  }

  #decoded(bytes: Buffer): T | undefined {
    try {
      return this.#decode(bytes);
    } catch {
      return undefined;
    }
  }
}

function hasBytes(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
