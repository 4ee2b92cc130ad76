import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.js";
import { elementBytes } from "../checkpoint/dtype.js";
import { quote } from "../checkpoint/error.js";
import { toFloat32 } from "../checkpoint/float32.js";
import type { WeightIndex, WeightLocation } from "../graph/weights.js";
import { MODEL_FILES } from "../manifest.js";
import { ImportError } from "./error.js";
import type { TensorTable } from "./tensor-table.js";

/** Float32 vectors of any instruction set are aligned by it, and so is a cache line. */
const ALIGNMENT_BYTES = 64;
const FLOAT_BYTES = 4;
/** All of them are set in infinities and NaNs, and in no number. */
const EXPONENT_BITS = 0x7f800000;

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
    for await (const chunk of checkpoint.chunks(entry)) {
      const bytes = floatBytes(entry, chunk);
      checkFinite(bytes, entry, checkpoint.path);
      await put(bytes);
    }
    end = target.offset + target.byteLength;
  }
}

/** A weight that is no number would make every picture fail; here its tensor can still be named. */
function checkFinite(bytes: Uint8Array, entry: TensorEntry, path: string): void {
  const bits = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / FLOAT_BYTES);
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

function floatBytes(entry: TensorEntry, chunk: Uint8Array): Uint8Array {
  if (entry.dtype === "F32") return chunk;
  const floats = new Float32Array(chunk.byteLength / elementBytes(entry.dtype));
  toFloat32(entry.dtype, chunk, floats);
  return new Uint8Array(floats.buffer);
}
