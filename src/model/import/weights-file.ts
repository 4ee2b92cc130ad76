import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.js";
import { elementBytes } from "../checkpoint/dtype.js";
import { toFloat32 } from "../checkpoint/float32.js";
import type { WeightIndex, WeightLocation } from "../graph/weights.js";
import { MODEL_FILES } from "../manifest.js";
import type { TensorTable } from "./tensor-table.js";

/** Float32 vectors of any instruction set are aligned by it, and so is a cache line. */
const ALIGNMENT_BYTES = 64;
const FLOAT_BYTES = 4;

/** One tensor of the weights' file: where it comes from and where it goes. */
interface PlannedWeight {
  readonly checkpoint: Checkpoint;
  readonly entry: TensorEntry;
  readonly target: WeightLocation;
}

export interface WeightsPlan {
  readonly weights: readonly PlannedWeight[];
  /** By the names that the graphs use. */
  readonly index: WeightIndex;
  readonly sizeBytes: number;
}

/** Lays the tables' tensors out one after the other: a function of names and shapes alone. */
export function planWeights(
  sources: readonly { readonly checkpoint: Checkpoint; readonly table: TensorTable; readonly prefix: string }[],
): WeightsPlan {
  const weights: PlannedWeight[] = [];
  const index = new Map<string, WeightLocation>();
  let end = 0;
  for (const { checkpoint, table, prefix } of sources) {
    for (const [name, shape] of table) {
      const entry = checkpoint.tensors.get(name)!;
      const byteLength = (entry.byteLength / elementBytes(entry.dtype)) * FLOAT_BYTES;
      const offset = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
      const target = { location: MODEL_FILES.weights, offset, byteLength, shape };
      weights.push({ checkpoint, entry, target });
      index.set(`${prefix}${name}`, target);
      end = offset + byteLength;
    }
  }
  return { weights, index, sizeBytes: end };
}

/** Writes the planned weights as float32, chunk by chunk, and feeds the file's bytes to `hash`. */
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
  for (const { checkpoint, entry, target } of plan.weights) {
    if (target.offset > end) await put(new Uint8Array(target.offset - end));
    for await (const chunk of checkpoint.chunks(entry)) await put(floatBytes(entry, chunk));
    end = target.offset + target.byteLength;
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

function floatBytes(entry: TensorEntry, chunk: Uint8Array): Uint8Array {
  if (entry.dtype === "F32") return chunk;
  const floats = new Float32Array(chunk.byteLength / elementBytes(entry.dtype));
  toFloat32(entry.dtype, chunk, floats);
  return new Uint8Array(floats.buffer);
}
