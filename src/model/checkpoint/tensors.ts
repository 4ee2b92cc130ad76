import { crc32 } from "node:zlib";
import type { Checkpoint, TensorEntry } from "./checkpoint.js";
import { elementBytes } from "./dtype.js";
import { CheckpointError, inFile, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";
import { isFloat, toFloat32 } from "./float32.js";

/** Bytes held at once while a tensor is streamed; a multiple of every element's size. */
export const CHUNK_BYTES = 4 * 1024 * 1024;
/** Largest tensor that is read whole: a sparse file may claim terabytes. Larger ones are read in chunks. */
const MAX_WHOLE_BYTES = 2 ** 31;

/** What a container's reader found; entries were checked against the file. */
export interface TensorDirectory {
  readonly container: Checkpoint["container"];
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
  /** CRC-32 of a tensor's bytes, where the container has it. */
  readonly checksums?: ReadonlyMap<TensorEntry, number>;
}

/** A checkpoint of either container: both keep a tensor's bytes in one piece, so both are read by offset. */
export class OpenCheckpoint implements Checkpoint {
  readonly container: Checkpoint["container"];
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;

  private readonly checksums: ReadonlyMap<TensorEntry, number>;

  constructor(
    private readonly file: CheckpointFile,
    directory: TensorDirectory,
  ) {
    this.container = directory.container;
    this.tensors = directory.tensors;
    this.metadata = directory.metadata;
    this.checksums = directory.checksums ?? new Map();
  }

  get path(): string {
    return this.file.path;
  }

  get sizeBytes(): number {
    return this.file.sizeBytes;
  }

  /**
   * Chunks of whole elements, at most 4 MiB; each is valid until the next is asked for. Throws after the last one when
   * the tensor's bytes do not have the checksum that the file states.
   */
  async *chunks(entry: TensorEntry): AsyncGenerator<Uint8Array> {
    const expected = this.checksums.get(entry);
    let checksum = 0;
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, entry.byteLength));
    try {
      for (let done = 0; done < entry.byteLength; done += buffer.byteLength) {
        const chunk = buffer.subarray(0, Math.min(buffer.byteLength, entry.byteLength - done));
        await this.file.readInto(chunk, entry.offset + done);
        if (expected !== undefined) checksum = crc32(chunk, checksum);
        yield chunk;
      }
      if (expected !== undefined) checkCrc32(`tensor ${quote(entry.name)}`, checksum, expected);
    } catch (error) {
      throw inFile(this.path, error);
    }
  }

  async readFloat32(entry: TensorEntry): Promise<Float32Array> {
    if (!isFloat(entry.dtype)) {
      const what = `tensor ${quote(entry.name)} holds ${entry.dtype}, not floating-point numbers`;
      throw inFile(this.path, new CheckpointError(what));
    }
    const size = elementBytes(entry.dtype);
    this.checkWhole(entry, (entry.byteLength / size) * 4);
    const values = new Float32Array(entry.byteLength / size);
    let done = 0;
    for await (const chunk of this.chunks(entry)) {
      const count = chunk.byteLength / size;
      toFloat32(entry.dtype, chunk, values.subarray(done, done + count));
      done += count;
    }
    return values;
  }

  async readBytes(entry: TensorEntry): Promise<Uint8Array> {
    this.checkWhole(entry, entry.byteLength);
    const bytes = new Uint8Array(entry.byteLength);
    let done = 0;
    for await (const chunk of this.chunks(entry)) {
      bytes.set(chunk, done);
      done += chunk.byteLength;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  private checkWhole(entry: TensorEntry, bytes: number): void {
    if (bytes <= MAX_WHOLE_BYTES) return;
    const what = `tensor ${quote(entry.name)} is ${bytes} bytes, too large to be read whole`;
    throw inFile(this.path, new CheckpointError(what));
  }
}

/** PyTorch writes checksums but does not check them; a damaged download would give wrong pictures without a word. */
export function checkCrc32(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new CheckpointError(`${what} is damaged: its bytes do not have the checksum that the file states for them`);
}
