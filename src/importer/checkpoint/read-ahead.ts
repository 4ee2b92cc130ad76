import { crc32 } from "node:zlib";
import type { TensorChunk, TensorEntry } from "./checkpoint.js";
import { checkCrc32, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";

/** A multiple of every element's size; small enough that what one pass reads is still in the cache for the next. */
export const CHUNK_BYTES = 1024 * 1024;
/** One chunk is being written by the consumer, one worked on, one read. */
const BUFFERS = 3;

/** Where a chunk lies. */
interface Piece {
  readonly entry: TensorEntry;
  readonly start: number;
  readonly end: number;
}

/** Tensors' bytes, the next chunk read while one is worked on; see `Checkpoint.chunks`. */
export async function* readAhead(
  file: CheckpointFile,
  entries: readonly TensorEntry[],
  checksums: ReadonlyMap<TensorEntry, number>,
): AsyncGenerator<TensorChunk> {
  const pieces = cut(entries);
  const buffers = entries.length > 0 ? makeBuffers(entries) : [];
  let count = 0;
  const startNext = (): Reading | undefined => {
    const { value, done } = pieces.next();
    return done ? undefined : new Reading(file, value, buffers[count++ % BUFFERS]!);
  };
  let reading = startNext();
  let checksum = 0;
  try {
    while (reading) {
      await reading.done;
      const { bytes, piece } = reading;
      const { entry, start, end } = piece;
      reading = startNext();
      const last = end === entry.byteLength;
      const expected = checksums.get(entry);
      if (expected !== undefined) checksum = crc32(bytes, start === 0 ? 0 : checksum);
      if (expected !== undefined && last) checkCrc32(`tensor ${quote(entry.name)}`, checksum, expected);
      yield { entry, bytes, last };
    }
  } finally {
    // The file may be closed after this: no read may be under way.
    await reading?.done.catch(() => {});
  }
}

function* cut(entries: readonly TensorEntry[]): Generator<Piece, undefined> {
  for (const entry of entries) {
    let start = 0;
    do {
      const end = Math.min(start + CHUNK_BYTES, entry.byteLength);
      yield { entry, start, end };
      start = end;
    } while (start < entry.byteLength);
  }
}

function makeBuffers(entries: readonly TensorEntry[]): Buffer[] {
  const largest = entries.reduce((most, entry) => Math.max(most, entry.byteLength), 0);
  return Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, largest)));
}

/** A read under way. */
class Reading {
  readonly bytes: Uint8Array;
  readonly done: Promise<void>;

  constructor(
    file: CheckpointFile,
    readonly piece: Piece,
    buffer: Buffer,
  ) {
    this.bytes = buffer.subarray(0, piece.end - piece.start);
    this.done = file.readInto(this.bytes, piece.entry.offset + piece.start);
    this.done.catch(() => {}); // whoever waits for it is told
  }
}
