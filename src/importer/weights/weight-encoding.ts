import { partOf, scalesOf, type WeightType } from "../../model/graph/weights.js";
import type { Precision } from "../../model/manifest.js";
import type { Dtype } from "../checkpoint/checkpoint.js";
import { IMPORTED_FAMILIES } from "../families.js";
import { toFloat16 } from "./float16.js";
import { Quantizer } from "./quantize.js";

/** One of the tensors of weights.bin that a checkpoint's tensor becomes. */
export interface EncodedPart {
  /** In the graphs. */
  readonly name: string;
  readonly type: WeightType;
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** A stretch of a part; parts come one after another, each from its beginning. */
export interface EncodedBytes {
  readonly part: number;
  readonly bytes: Uint8Array;
}

/** How one tensor of a checkpoint is stored in a model of some precision. */
export interface WeightEncoding {
  /** Whether float32 tensors are stored as they are. */
  readonly isCopy?: true;
  readonly parts: readonly EncodedPart[];
  /**
   * Converts the tensor's float32 values, which come in row-major chunks. `check` is called with values that are
   * finite if and only if the tensor's are: the values themselves, or the scale of each output.
   */
  convert(chunks: AsyncIterable<Float32Array>, check?: (values: Float32Array) => void): AsyncIterable<EncodedBytes>;
}

const TYPE_BYTES: Readonly<Record<WeightType, number>> = { float32: 4, float16: 2, int8: 1 };

/**
 * `name` is the graphs' name of the tensor (`tokenizer.` in front of the tokenizer's), `shape` the checkpoint's. Encodings
 * that are converted one after another may share a quantizer. `dtype` is the checkpoint's.
 */
export function encodingOf(
  name: string,
  shape: readonly number[],
  precision: Precision,
  quantizer = new Quantizer(),
  dtype?: Dtype,
): WeightEncoding {
  if (dtype === "F16" && isAutoencoderWeight(name)) return asFloat16(name, shape);
  if (precision === "int8" && isQuantized(name)) return asInt8(name, shape as [number, number], quantizer);
  if (precision === "fp16" && isHalf(name)) return asFloat16(name, shape);
  return asFloat32(name, shape);
}

/** The large products: of each family's generator, and of a tokenizer's decoder that is a transformer. */
const QUANTIZED = [
  ...IMPORTED_FAMILIES.flatMap(({ quantized }) => quantized),
  /^tokenizer\.decoder\.transformer\.\d+\.(attn\.(qkv|proj)|mlp\.(w12|w3))\.weight$/,
];

/** Queries, keys and values, and shift, scale and gate, are products of their own, each as wide as its input. */
const IN_PARTS = /\.(attn\.qkv|adaLN_modulation\.1)\.weight$/;

function isQuantized(name: string): boolean {
  return QUANTIZED.some((pattern) => pattern.test(name));
}

/** The generator but for what its family leaves in float32, and the blocks of a tokenizer's decoder that is a transformer. */
function isHalf(name: string): boolean {
  if (name.startsWith("tokenizer.")) return name.startsWith("tokenizer.decoder.transformer.");
  return !IMPORTED_FAMILIES.some(({ neverHalved }) => neverHalved?.test(name));
}

/** Its arithmetic is float32: where a checkpoint has an autoencoder in half the size, it stays so. */
function isAutoencoderWeight(name: string): boolean {
  return /^tokenizer\.((en|de)coder\.(conv_in|down|mid|up|norm_out|conv_out)|(post_)?quant_conv)\./.test(name);
}

function asFloat32(name: string, shape: readonly number[]): WeightEncoding {
  return {
    isCopy: true,
    parts: [part(name, "float32", shape)],
    async *convert(chunks, check) {
      for await (const chunk of chunks) {
        check?.(chunk);
        yield { part: 0, bytes: bytesOf(chunk) };
      }
    },
  };
}

function asFloat16(name: string, shape: readonly number[]): WeightEncoding {
  return {
    parts: [part(name, "float16", shape)],
    async *convert(chunks, check) {
      for await (const chunk of chunks) {
        check?.(chunk);
        yield { part: 0, bytes: bytesOf(toFloat16(chunk)) };
      }
    },
  };
}

/**
 * A scale for each output: w = scale * stored. Stored as [in, out], or as several of these, one after another, where the
 * graphs use the outputs in parts.
 */
function asInt8(name: string, [outputs, inputs]: readonly [number, number], quantizer: Quantizer): WeightEncoding {
  const width = IN_PARTS.test(name) ? inputs : outputs;
  const count = outputs / width;
  const partName = (i: number) => (count === 1 ? name : partOf(name, { start: i * width, count: width }));
  const matrices = Array.from({ length: count }, (_, i) => part(partName(i), "int8", [inputs, width]));
  return {
    parts: [...matrices, part(scalesOf(name), "float32", [outputs])],
    async *convert(chunks, check) {
      const matrix = quantizer.forMatrices(inputs, width);
      const rows = new RowBuffer(matrix.weights);
      const scales = new Float32Array(outputs);
      let stored: Int8Array = new Int8Array(0);
      let output = 0;
      for await (const chunk of chunks) {
        for (const _ of rows.add(chunk)) {
          const column = output % width;
          if (column === 0) stored = matrix.begin();
          matrix.quantize(column, scales.subarray(output, output + matrix.atOnce));
          output += matrix.atOnce;
          if (output % width === 0) yield { part: output / width - 1, bytes: bytesOf(stored) };
        }
      }
      check?.(scales);
      yield { part: count, bytes: bytesOf(scales) };
    },
  };
}

/** Chunks of any size as rows of one length. */
class RowBuffer {
  #filled = 0;

  constructor(private readonly row: Float32Array) {}

  /** Fills the row, again and again; yields whenever it is full. */
  *add(chunk: Float32Array): Generator<void> {
    for (let start = 0; start < chunk.length; ) {
      const count = Math.min(this.row.length - this.#filled, chunk.length - start);
      this.row.set(chunk.subarray(start, start + count), this.#filled);
      start += count;
      this.#filled = (this.#filled + count) % this.row.length;
      if (this.#filled === 0) yield;
    }
  }
}

function part(name: string, type: WeightType, shape: readonly number[]): EncodedPart {
  return { name, type, shape, byteLength: TYPE_BYTES[type] * shape.reduce((product, side) => product * side, 1) };
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
