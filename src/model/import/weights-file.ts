import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.js";
import { elementBytes } from "../checkpoint/dtype.js";
import { quote } from "../checkpoint/error.js";
import { toFloat32 } from "../checkpoint/float32.js";
import type { WeightIndex, WeightLocation } from "../graph/weights.js";
import { MODEL_FILES, type Precision } from "../manifest.js";
import { ImportError } from "./error.js";
import { type Storage, storageOf } from "./storage.js";
import type { TensorTable } from "./tensor-table.js";

/** Float32 vectors of any instruction set are aligned by it, and so is a cache line. */
const ALIGNMENT_BYTES = 64;
/** All of them are set in infinities and NaNs, and in no number. */
const EXPONENT_BITS = 0x7f800000;

/** One tensor of the weights' file: where it comes from and where it goes. */
interface PlannedWeight {
  readonly checkpoint: Checkpoint;
  readonly entry: TensorEntry;
  readonly storage: Storage;
  /** Of each of the storage's parts. */
  readonly targets: readonly WeightLocation[];
}

export interface WeightsPlan {
  readonly weights: readonly PlannedWeight[];
  /** By the names that the graphs use. */
  readonly index: WeightIndex;
  readonly sizeBytes: number;
}

/** Lays the tables' tensors out one after the other: a function of names, shapes and precision alone. */
export function planWeights(
  sources: readonly { readonly checkpoint: Checkpoint; readonly table: TensorTable; readonly prefix: string }[],
  precision: Precision,
): WeightsPlan {
  const weights: PlannedWeight[] = [];
  const index = new Map<string, WeightLocation>();
  let end = 0;
  const place = ({ name, type, shape, byteLength }: Storage["parts"][number]): WeightLocation => {
    const offset = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const target = { location: MODEL_FILES.weights, offset, byteLength, shape, type };
    index.set(name, target);
    end = offset + byteLength;
    return target;
  };
  for (const { checkpoint, table, prefix } of sources) {
    for (const [name, shape] of table) {
      const storage = storageOf(`${prefix}${name}`, shape, precision);
      weights.push({
        checkpoint,
        entry: checkpoint.tensors.get(name)!,
        storage,
        targets: storage.parts.map(place),
      });
    }
  }
  return { weights, index, sizeBytes: end };
}

/** Writes the planned weights as they are to be stored, chunk by chunk, and feeds the file's bytes to `hash`. */
export async function writeWeights(
  file: FileHandle,
  plan: WeightsPlan,
  hash: Hash,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const put = async (bytes: Uint8Array) => {
    hash.update(bytes);
    // FileHandle.writeFile, unlike write, does not stop at a partial write.
    await file.writeFile(bytes);
    onBytes(bytes.byteLength);
  };
  let end = 0;
  for (const { checkpoint, entry, storage, targets } of plan.weights) {
    for await (const { part, bytes } of storage.convert(floats(checkpoint, entry))) {
      const { offset } = targets[part]!;
      if (offset > end) await put(new Uint8Array(offset - end));
      await put(bytes);
      end = Math.max(end, offset) + bytes.byteLength;
    }
  }
}

/** A tensor's values as float32, in bounded chunks. Throws `ImportError` at one that is no number. */
async function* floats(checkpoint: Checkpoint, entry: TensorEntry): AsyncGenerator<Float32Array> {
  for await (const chunk of checkpoint.chunks(entry)) {
    const values = asFloats(chunk, entry.dtype);
    checkFinite(values, entry, checkpoint.path);
    yield values;
  }
}

/** Float32 values stay where they are, if they can. */
function asFloats(chunk: Uint8Array, dtype: TensorEntry["dtype"]): Float32Array {
  const length = chunk.byteLength / elementBytes(dtype);
  if (dtype === "F32" && chunk.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0) {
    return new Float32Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, length);
  }
  const values = new Float32Array(length);
  toFloat32(dtype, chunk, values);
  return values;
}

/** A weight that is no number would make every picture fail; here its tensor can still be named. */
function checkFinite(values: Float32Array, entry: TensorEntry, path: string): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & EXPONENT_BITS) !== EXPONENT_BITS) continue;
    throw new ImportError(
      `The tensor ${quote(entry.name)} of ${basename(path)} holds a value that is no finite float32: the checkpoint is damaged, or its training diverged.`,
    );
  }
}

/** SHA-256 of a whole file by its chunks, in one sequential pass. */
export async function hashFile(chunks: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    onBytes(chunk.byteLength);
  }
  return hash.digest("hex");
}
