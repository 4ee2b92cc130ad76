import { CheckpointError } from "../error.js";

/** Longest `module` or `name` line of a GLOBAL. */
const MAX_LINE_BYTES = 512;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The operands of a pickle's opcodes. Every read is checked against the end before anything is allocated. */
export class PickleReader {
  #at = 0;
  readonly #view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#at;
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  /** Unsigned little-endian of 1, 2, 4 or 8 bytes. */
  unsigned(width: 1 | 2 | 4 | 8): number {
    const at = this.#take(width);
    if (width === 1) return this.#view.getUint8(at);
    if (width === 2) return this.#view.getUint16(at, true);
    if (width === 4) return this.#view.getUint32(at, true);
    return Number(this.#view.getBigUint64(at, true));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8), false);
  }

  /** Two's complement, little-endian, of `width` bytes (at most 255); a number where that is exact. */
  long(width: number): number | bigint {
    const at = this.#take(width);
    let value = 0n;
    for (let i = width - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[at + i]!);
    if (width > 0) value = BigInt.asIntN(8 * width, value);
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }

  /** A view of the next bytes: nothing is copied. */
  content(length: number): Uint8Array {
    const at = this.#take(length);
    return this.bytes.subarray(at, at + length);
  }

  text(length: number): string {
    const at = this.#take(length);
    try {
      return UTF8.decode(this.bytes.subarray(at, at + length));
    } catch {
      throw new CheckpointError("it has a damaged pickle: a string that is not UTF-8");
    }
  }

  /** Up to the next line feed. */
  line(): string {
    const end = this.bytes.subarray(this.#at, this.#at + MAX_LINE_BYTES).indexOf(0x0a);
    if (end < 0) {
      throw new CheckpointError("it has a damaged pickle: a global whose name does not end");
    }
    const line = this.text(end);
    this.#take(1);
    return line;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.bytes.byteLength - at) throw new CheckpointError("it has a pickle that is cut short");
    this.#at += length;
    return at;
  }
}
