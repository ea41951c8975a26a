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

/** Of both ends and the middle: names in a fleet differ there, and all of the text is compared anyway. */
function sampleOf(bytes: Uint8Array, start: number, end: number): number {
  const middle = (start + end) >>> 1;
  let hash = end - start;
  hash = Math.imul(hash ^ (bytes[start] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (bytes[middle] ?? 0), 0x01000193);
  for (let i = Math.max(start, end - 4); i < end; i++) {
    hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  }
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
    const slot = sampleOf(bytes, start, end) % TEXT_SLOTS;
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

/** Parts of messages by their bytes. Their values are shared: nobody may change them. */
export class SharedParts<T> {
  readonly #slots: (Part<T> | undefined)[] = new Array<Part<T> | undefined>(PART_SLOTS).fill(
    undefined,
  );
  /** The hash that each slot was asked for last, in vain. */
  readonly #missed = new Int32Array(PART_SLOTS);

  /** @returns `undefined` for what is not known. */
  find(bytes: Buffer, start: number, end: number): T | undefined {
    if (end - start > MAX_BYTES) return undefined;
    const hash = hashOf(bytes, start, end);
    const known = this.#slots[hash % PART_SLOTS];
    if (known !== undefined && hasBytes(known.bytes, bytes, start, end)) return known.value;
    return undefined;
  }

  /** Keeps what comes for the second time: what each instance says differently is not worth a copy. */
  meet(bytes: Buffer, start: number, end: number, value: T): void {
    if (end - start > MAX_BYTES) return;
    const hash = hashOf(bytes, start, end);
    const slot = hash % PART_SLOTS;
    if (this.#missed[slot] === (hash | 0)) this.keep(bytes, start, end, value);
    else this.#missed[slot] = hash;
  }

  keep(bytes: Buffer, start: number, end: number, value: T): void {
    const copy = Uint8Array.from(bytes.subarray(start, end));
    this.#slots[hashOf(bytes, start, end) % PART_SLOTS] = { bytes: copy, value };
  }
}

/** Parts that are allowed where they stand. */
export class KnownParts<T> {
  readonly #parts = new SharedParts<T>();
  readonly #decode: (bytes: Buffer) => T | undefined;

  /** @param decode answers `undefined` for what is not allowed, and may throw for what is broken. */
  constructor(decode: (bytes: Buffer) => T | undefined) {
    this.#decode = decode;
  }

  /** @returns `undefined` for what is not allowed, broken or too long. */
  read(bytes: Buffer, start: number, end: number): T | undefined {
    const known = this.#parts.find(bytes, start, end);
    if (known !== undefined || end - start > MAX_BYTES) return known;
    const value = this.#decoded(Buffer.from(bytes.subarray(start, end)));
    if (value !== undefined) this.#parts.keep(bytes, start, end, value);
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
