import type { Checkpoint, StateDict, TensorChunk, TensorEntry } from "./checkpoint.js";
import { elementBytes } from "./dtype.js";
import { CheckpointError, inFile, quote } from "./error.js";
import type { CheckpointFile } from "./file.js";
import { isFloat, toFloat32 } from "./float32.js";
import { readAhead } from "./read-ahead.js";

/** Largest tensor that is read whole: a sparse file may claim terabytes. Larger ones are read in chunks. */
const MAX_WHOLE_BYTES = 2 ** 31;

/** What a container's reader found; entries were checked against the file. */
export interface TensorDirectory {
  readonly container: Checkpoint["container"];
  readonly stateDicts: readonly StateDict[];
  readonly keys: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** CRC-32 of the bytes that a tensor lies among, where the container has it. */
  readonly checksums?: ReadonlyMap<TensorEntry, number>;
}

/** A checkpoint of either container, in one file: both keep tensors uncompressed, so both are read by offset. */
export class OpenCheckpoint implements Checkpoint {
  readonly container: Checkpoint["container"];
  readonly stateDicts: readonly StateDict[];
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly keys: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;

  readonly #checksums: ReadonlyMap<TensorEntry, number>;

  constructor(
    private readonly file: CheckpointFile,
    directory: TensorDirectory,
  ) {
    this.container = directory.container;
    this.stateDicts = directory.stateDicts;
    this.tensors = directory.stateDicts.find(({ key }) => key === "")?.tensors ?? new Map();
    this.keys = directory.keys;
    this.metadata = directory.metadata;
    this.#checksums = directory.checksums ?? new Map();
  }

  get path(): string {
    return this.file.path;
  }

  get sizeBytes(): number {
    return this.file.sizeBytes;
  }

  get descriptors(): readonly number[] {
    return [this.file.descriptor];
  }

  /** Throws in place of a tensor's last chunk when its bytes do not have the checksum that the file states. */
  async *chunks(entries: readonly TensorEntry[]): AsyncGenerator<TensorChunk> {
    try {
      yield* readAhead(this.file, entries, this.#checksums);
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
    this.#checkWhole(entry, (entry.byteLength / size) * 4);
    const values = new Float32Array(entry.byteLength / size);
    let done = 0;
    for await (const { bytes } of this.chunks([entry])) {
      const count = bytes.byteLength / size;
      toFloat32(entry.dtype, bytes, values.subarray(done, done + count));
      done += count;
    }
    return values;
  }

  async readBytes(entry: TensorEntry): Promise<Uint8Array> {
    this.#checkWhole(entry, entry.byteLength);
    const whole = new Uint8Array(entry.byteLength);
    let done = 0;
    for await (const { bytes } of this.chunks([entry])) {
      whole.set(bytes, done);
      done += bytes.byteLength;
    }
    return whole;
  }

  async checkUnchanged(): Promise<void> {
    if (!(await this.file.isUnchanged())) throw inFile(this.path, new CheckpointError("it changed while it was read"));
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  #checkWhole(entry: TensorEntry, bytes: number): void {
    if (bytes <= MAX_WHOLE_BYTES) return;
    const what = `tensor ${quote(entry.name)} is ${bytes} bytes, too large to be read whole`;
    throw inFile(this.path, new CheckpointError(what));
  }
}
