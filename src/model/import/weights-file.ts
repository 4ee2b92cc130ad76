import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import type { Checkpoint, TensorChunk, TensorEntry } from "../checkpoint/checkpoint.js";
import { elementBytes } from "../checkpoint/dtype.js";
import { quote } from "../checkpoint/error.js";
import { toFloat32 } from "../checkpoint/float32.js";
import type { WeightIndex, WeightLocation } from "../graph/weights.js";
import { MODEL_FILES, type Precision } from "../manifest.js";
import { ImportError } from "./error.js";
import { type Storage, storageOf } from "./storage.js";
import type { TensorTable } from "./tensor-table.js";
import { WrittenBehind } from "./written-behind.js";

/** Float32 vectors of any instruction set are aligned by it, and so is a cache line. */
const ALIGNMENT_BYTES = 64;
/** All of them are set in infinities and NaNs, and in no number. */
const EXPONENT_BITS = 0x7f800000;
const ONE_IN_EXPONENT = 0x00800000;

/** One tensor of the weights' file: where it comes from and where it goes. */
interface PlannedWeight {
  readonly entry: TensorEntry;
  readonly storage: Storage;
  /** Of each of the storage's parts. */
  readonly targets: readonly WeightLocation[];
}

/** What is taken from one checkpoint, in the order of the weights' file. */
interface PlannedSource {
  readonly checkpoint: Checkpoint;
  readonly weights: readonly PlannedWeight[];
}

export interface WeightsPlan {
  readonly sources: readonly PlannedSource[];
  /** By the names that the graphs use. */
  readonly index: WeightIndex;
  readonly sizeBytes: number;
}

/** Lays the tables' tensors out one after the other: a function of names, shapes and precision alone. */
export function planWeights(
  sources: readonly { readonly checkpoint: Checkpoint; readonly table: TensorTable; readonly prefix: string }[],
  precision: Precision,
): WeightsPlan {
  const index = new Map<string, WeightLocation>();
  let end = 0;
  const place = ({ name, type, shape, byteLength }: Storage["parts"][number]): WeightLocation => {
    const offset = Math.ceil(end / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    const target = { location: MODEL_FILES.weights, offset, byteLength, shape, type };
    index.set(name, target);
    end = offset + byteLength;
    return target;
  };
  const planned = sources.map(({ checkpoint, table, prefix }) => {
    const weights = [...table].map(([name, shape]): PlannedWeight => {
      const storage = storageOf(`${prefix}${name}`, shape, precision);
      return { entry: checkpoint.tensors.get(name)!, storage, targets: storage.parts.map(place) };
    });
    return { checkpoint, weights };
  });
  return { sources: planned, index, sizeBytes: end };
}

/** Writes the planned weights as they are to be stored, chunk by chunk, and feeds the file's bytes to `hash`. */
export async function writeWeights(
  file: FileHandle,
  plan: WeightsPlan,
  hash: Hash,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const output = new WrittenBehind(file, hash, onBytes);
  try {
    for (const source of plan.sources) await writeSource(source, output);
  } finally {
    await output.settled();
  }
  await output.end();
}

async function writeSource({ checkpoint, weights }: PlannedSource, output: WrittenBehind): Promise<void> {
  const chunks = checkpoint.chunks(weights.map(({ entry }) => entry))[Symbol.asyncIterator]();
  try {
    for (const { storage, targets } of weights) {
      for await (const { part, bytes } of storage.convert(floats(chunks, checkpoint.path))) {
        await output.put(bytes, targets[part]!.offset);
      }
    }
  } finally {
    await chunks.return?.();
  }
}

/** The values of the next tensor of `chunks` as float32. Throws `ImportError` at one that is no number. */
async function* floats(chunks: AsyncIterator<TensorChunk>, path: string): AsyncGenerator<Float32Array> {
  for (let isLast = false; !isLast; ) {
    const { value, done } = await chunks.next();
    if (done) throw new Error(`The tensors of ${path} ended too early.`);
    const values = asFloats(value.bytes, value.entry.dtype);
    checkFinite(values, value.entry, path);
    isLast = value.last;
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
  let carries = 0;
  // One more in an exponent of ones sets the sign's bit, in any other it does not.
  for (let i = 0; i < bits.length; i++) carries |= (bits[i]! & EXPONENT_BITS) + ONE_IN_EXPONENT;
  if (carries >= 0) return;
  throw new ImportError(
    `The tensor ${quote(entry.name)} of ${basename(path)} holds a value that is no finite float32: the checkpoint is damaged, or its training diverged.`,
  );
}
