import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import { areFinite, makeFloatMemory } from "./floats.js";
import { GrowingFile } from "./growing-file.js";
import { type FromHashThread, type HashJob, NotFiniteError, type OpenFile, type Stretches } from "./hash-files.js";

/** Entry of a thread that hashes files: it reads and hashes for as long as there is something, and nothing else waits. */

/** What is read stays in a core's own cache until it is hashed. */
const CHUNK_BYTES = 256 * 1024;
const VALUE_BYTES = Float32Array.BYTES_PER_ELEMENT;
/** The bits of the smallest magnitude that is not a finite float32. */
const INFINITE = 0x7f800000;
/** Bytes between two progress reports. */
const REPORT_BYTES = 16 * 1024 * 1024;

const port = parentPort!;
const post = (message: FromHashThread) => port.postMessage(message);
const plainChunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
let unreported = 0;

function report(bytes: number, atLeast: number): void {
  unreported += bytes;
  if (unreported < atLeast) return;
  post({ kind: "progress", bytes: unreported });
  unreported = 0;
}

interface Reading {
  readonly descriptor: number;
  readonly chunk?: Uint8Array;
  /** How much may be read after a position, as soon as there is something; 0 ends the file. */
  readonly bytesBeyond?: (position: number) => number;
  /** Called with each piece, at the chunk's beginning: its position in the file and its size. */
  readonly check?: (position: number, bytes: number) => void;
}

function addFile(
  hash: Hash,
  { descriptor, chunk = plainChunk, bytesBeyond = () => CHUNK_BYTES, check }: Reading,
): void {
  for (let position = 0; ; ) {
    let bytes = 0;
    // Whole values, however a file grows or a read stops early; what remains at the end may be less than one.
    do {
      const most = Math.min(CHUNK_BYTES - bytes, bytesBeyond(position + bytes));
      const read = readSync(descriptor, chunk, bytes, most, position + bytes);
      if (read === 0) break;
      bytes += read;
    } while (bytes % VALUE_BYTES !== 0);
    if (bytes === 0) return;
    check?.(position, bytes);
    hash.update(chunk.subarray(0, bytes));
    position += bytes;
    report(bytes, REPORT_BYTES);
  }
}

/** `check` throws `NotFiniteError` at the first piece with a value that is not finite. */
function finiteCheck(floats: Stretches): Required<Pick<Reading, "chunk" | "check">> {
  const memory = makeFloatMemory(CHUNK_BYTES);
  const { buffer } = memory ?? plainChunk;
  const areNumbers = memory
    ? (from: number, to: number) => memory.largest(from, to) < INFINITE
    : (from: number, to: number) => areFinite(new Float32Array(buffer, from, (to - from) / VALUE_BYTES));
  let stretch = 0;
  const check = (position: number, bytes: number) => {
    const pieceEnd = position + bytes;
    for (; stretch < floats.length; stretch++) {
      const [begin, end] = floats[stretch]!;
      const [from, to] = [Math.max(begin, position), Math.min(end, pieceEnd)];
      if (from < to && !areNumbers(from - position, to - position)) throw new NotFiniteError(stretch);
      if (end > pieceEnd) return;
    }
  };
  return { chunk: new Uint8Array(buffer, 0, CHUNK_BYTES), check };
}

function readingOf({ descriptor, shared, floats }: OpenFile): Reading {
  const growing = shared && new GrowingFile(descriptor, shared);
  return {
    descriptor,
    ...(growing && { bytesBeyond: (position: number) => growing.waitBeyond(position) }),
    ...(floats && finiteCheck(floats)),
  };
}

function addPath(hash: Hash, path: string): void {
  const descriptor = openSync(path, "r");
  try {
    addFile(hash, { descriptor });
  } finally {
    closeSync(descriptor);
  }
}

function digest(files: HashJob): string {
  const hash = createHash("sha256");
  for (const file of files) {
    if (typeof file === "string") addPath(hash, file);
    else addFile(hash, readingOf(file));
  }
  report(0, 1);
  return hash.digest("hex");
}

port.once("message", (jobs: readonly HashJob[]) => {
  try {
    for (const job of jobs) post({ kind: "digest", sha256: digest(job) });
  } catch (error) {
    if (error instanceof NotFiniteError) return post({ kind: "notFinite", stretch: error.stretch });
    const { message, code, path, syscall } = error as NodeJS.ErrnoException;
    post({ kind: "failed", error: { message, code, path, syscall } });
  }
});
