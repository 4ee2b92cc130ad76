import { crc32 } from "node:zlib";
import type { TensorChunk, TensorEntry } from "./checkpoint.js";
import { checkCrc32, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";
import { gather, spanBytes } from "./strided.js";

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
  let gathered: Promise<Uint8Array> | undefined; // of the strided tensor under way
  const startNext = (): Reading | undefined => {
    const { value: piece, done } = pieces.next();
    if (done) return undefined;
    if (!piece.entry.strides) return readPiece(file, piece, buffers[count++ % BUFFERS]!);
    if (piece.start === 0) gathered = readStrided(file, piece.entry, checksums.get(piece.entry));
    const bytes = gathered!.then((whole) => whole.subarray(piece.start, piece.end));
    bytes.catch(() => {}); // handled where it is awaited
    return { piece, bytes };
  };
  let reading = startNext();
  let checksum = 0;
  try {
    while (reading) {
      const bytes = await reading.bytes;
      const { entry, start, end } = reading.piece;
      reading = startNext();
      const last = end === entry.byteLength;
      const expected = entry.strides ? undefined : checksums.get(entry);
      if (expected !== undefined) checksum = crc32(bytes, start === 0 ? 0 : checksum);
      if (expected !== undefined && last) checkCrc32(`tensor ${quote(entry.name)}`, checksum, expected);
      yield { entry, bytes, last };
    }
  } finally {
    // The file may be closed after this: no read may be under way.
    await reading?.bytes.catch(() => {});
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
  const largest = entries.reduce((most, { strides, byteLength }) => Math.max(most, strides ? 0 : byteLength), 0);
  return Array.from({ length: BUFFERS }, () => Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, largest)));
}

/** A read under way. */
interface Reading {
  readonly piece: Piece;
  readonly bytes: Promise<Uint8Array>;
}

function readPiece(file: CheckpointFile, piece: Piece, buffer: Buffer): Reading {
  const target = buffer.subarray(0, piece.end - piece.start);
  const bytes = file.readInto(target, piece.entry.offset + piece.start).then(() => target);
  bytes.catch(() => {}); // handled where it is awaited
  return { piece, bytes };
}

/** A strided tensor whole, in row-major order. */
async function readStrided(
  file: CheckpointFile,
  entry: TensorEntry,
  checksum: number | undefined,
): Promise<Uint8Array> {
  const span = await file.read(entry.offset, spanBytes(entry));
  if (checksum !== undefined) checkCrc32(`tensor ${quote(entry.name)}`, crc32(span), checksum);
  return gather(span, entry);
}
