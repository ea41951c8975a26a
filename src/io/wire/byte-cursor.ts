/**
 * Walks over the fields of a protobuf message in place. Whatever is unusual, broken or too large
 * sets `isLost`: the caller then leaves the message to the generated decoder, which knows all
 * rules. Source: protobuf.dev, "Encoding".
 */
export class ByteCursor {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  /** Where the innermost message ends. */
  end = 0;
  isLost = false;

  start(bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.isLost = false;
  }

  get hasMore(): boolean {
    return this.at < this.end && !this.isLost;
  }

  /** A whole number up to 2^53. Above, and past the end of the message, the cursor is lost. */
  varint(): number {
    const first = this.bytes[this.at] ?? 0;
    if (first < 0x80 && this.at < this.end) {
      this.at++;
      return first;
    }
    return this.#longVarint();
  }

  /** The length of a text or message, which must end within this one. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.at) this.isLost = true;
    return this.isLost ? 0 : length;
  }

  #longVarint(): number {
    let value = 0;
    let scale = 1;
    // Seven bytes hold 49 bits: more than any count, and exact.
    for (let i = 0; i < 7 && this.at < this.end; i++) {
      const byte = this.bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    this.isLost = true;
    return 0;
  }
}
