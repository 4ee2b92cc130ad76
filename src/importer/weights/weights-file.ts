import { areFinite } from "../../model/files/floats.js";
import type { Dtype, TensorChunk } from "../checkpoint/checkpoint.js";
import { elementBytes } from "../checkpoint/dtype.js";
import { quote } from "../checkpoint/error.js";
import { toFloat32 } from "../checkpoint/float32.js";
import { ImportError } from "../error.js";
import type { HashedWriter } from "./hashed-writer.js";
import type { ConvertedSource } from "./weights-plan.js";

/** Writes the planned weights of weights.bin as they are to be stored, chunk by chunk. */
export async function writeWeights(sources: readonly ConvertedSource[], output: HashedWriter): Promise<void> {
  for (const { checkpoint, weights } of sources) {
    const chunks = afterWriting(checkpoint.chunks(weights.map(({ entry }) => entry)), output);
    try {
      for (const { entry, encoding, targets } of weights) {
        const check = (values: Float32Array) => checkFinite(values, entry.name, checkpoint.path);
        for await (const { part, bytes } of encoding.convert(floats(chunks, checkpoint.path), check))
          await output.put(bytes, targets[part]!.offset);
      }
    } finally {
      await chunks.return();
    }
  }
}

/**
 * The writer may still hold a chunk, and the reader overwrites it after two more requests: each request waits until the
 * bytes that were being written at the previous one are on their way to the file.
 */
async function* afterWriting(
  chunks: AsyncIterable<TensorChunk>,
  output: HashedWriter,
): AsyncGenerator<TensorChunk, void> {
  let writing = output.underWay;
  for await (const chunk of chunks) {
    yield chunk;
    await writing;
    writing = output.underWay;
  }
}

/** The values of the next tensor of `chunks` as float32. */
async function* floats(chunks: AsyncIterator<TensorChunk>, path: string): AsyncGenerator<Float32Array> {
  for (let isLast = false; !isLast; ) {
    const { value, done } = await chunks.next();
    if (done) throw new Error(`The tensors of ${path} ended too early.`);
    const values = asFloats(value.bytes, value.entry.dtype);
    isLast = value.last;
    yield values;
  }
}

/** Float32 values are not copied where their alignment allows. */
function asFloats(chunk: Uint8Array, dtype: Dtype): Float32Array {
  const length = chunk.byteLength / elementBytes(dtype);
  if (dtype === "F32" && chunk.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0) {
    return new Float32Array(chunk.buffer as ArrayBuffer, chunk.byteOffset, length);
  }
  const values = new Float32Array(length);
  toFloat32(dtype, chunk, values);
  return values;
}

/** A weight that is not a number would fail every image; here its tensor can still be named. */
function checkFinite(values: Float32Array, tensor: string, path: string): void {
  if (!areFinite(values)) throw notFinite(tensor, path);
}

export function notFinite(tensor: string, path: string): ImportError {
  return new ImportError(
    `The tensor ${quote(tensor)} of ${path} holds a value that is not a finite float32: the checkpoint is damaged, or its training diverged.`,
  );
}
