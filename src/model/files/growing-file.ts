const STATE = 0;
const ENDED = 1n;

/**
 * The written length of a file, shared with a thread that reads it at the same time. One 64-bit cell holds twice the bytes that
 * are there, plus one when no more come, so that a waiting reader misses neither.
 */
export class GrowingFile {
  readonly #cell: BigInt64Array;

  /** `descriptor` is open for reading too; `shared` is what both threads hold. */
  constructor(
    readonly descriptor: number,
    readonly shared = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT),
  ) {
    this.#cell = new BigInt64Array(shared);
  }

  /** So many more bytes are there. */
  wrote(bytes: number): void {
    Atomics.add(this.#cell, STATE, 2n * BigInt(bytes));
    Atomics.notify(this.#cell, STATE);
  }

  /** No more come. */
  end(): void {
    Atomics.or(this.#cell, STATE, ENDED);
    Atomics.notify(this.#cell, STATE);
  }

  /** In the reading thread: blocks until there is something after `position`; how much, 0 at the end. */
  waitBeyond(position: number): number {
    for (;;) {
      const state = Atomics.load(this.#cell, STATE);
      const bytes = Number(state >> 1n) - position;
      if (bytes > 0 || state & ENDED) return bytes;
      Atomics.wait(this.#cell, STATE, state);
    }
  }
}
