import { type FloatMemory, makeFloatMemory } from "../../model/files/floats.js";

/** The largest stored magnitude: -128 is left out, so that a weight and its negative are stored alike. */
const LIMIT = 127;
/** Below this a float32 has few digits, and a weight means nothing. */
const SMALLEST_SCALE = 2 ** -126;
/** Added before rounding down, so that all is positive: in floats.wat too, where ties must come out the same. */
const MIDDLE = 128.5;
/** Without their signs, the bits of floats are ordered as the floats are. */
const MAGNITUDE = 0x7fffffff;

/**
 * Quantises a matrix output by output, symmetrically and rounded to nearest (halves up): weight = scale * stored,
 * stored in -127 .. 127. A scale is zero where all weights are, and not finite where a weight is not.
 */
export interface MatrixQuantizer {
  /** How many outputs are quantised at once. */
  readonly atOnce: number;
  /** Their weights, to be filled. */
  readonly weights: Float32Array; // [atOnce, inputs]
  /** A new matrix for the columns that follow; it stays as it is until the one after the next is begun. */
  begin(): Int8Array; // [inputs, outputs]
  /** Quantises `weights` into the columns from `column` on, and writes their scales. */
  quantize(column: number, scales: Float32Array): void; // scales [atOnce]
}

/** Quantises matrices in memory that is reused from one to the next. */
export class Quantizer {
  private wide: WideMemory | undefined;
  private isRefused = false;

  /** For matrices of one size, until it is called again. */
  forMatrices(inputs: number, outputs: number): MatrixQuantizer {
    const isWide =
      inputs % WEIGHTS_AT_ONCE === 0 && outputs % OUTPUTS_AT_ONCE === 0 && inputs * outputs <= MAX_WIDE_BYTES;
    const memory = isWide ? this.memoryFor(inputs, inputs * outputs) : undefined;
    return memory ? new WideQuantizer(memory, inputs, outputs) : new NarrowQuantizer(inputs, outputs);
  }

  private memoryFor(inputs: number, matrixBytes: number): WideMemory | undefined {
    const { wide } = this;
    if (this.isRefused) return undefined;
    if (wide && wide.inputs >= inputs && wide.matrixBytes >= matrixBytes) return wide;
    // The one before is not grown: its last matrix may still be on its way to the disk.
    this.wide = makeWideMemory(Math.max(wide?.inputs ?? 0, inputs), Math.max(wide?.matrixBytes ?? 0, matrixBytes));
    this.isRefused = !this.wide;
    return this.wide;
  }
}

/** Of any size, one output at once. */
class NarrowQuantizer implements MatrixQuantizer {
  readonly atOnce = 1;
  readonly weights: Float32Array;
  private readonly bits: Int32Array;
  private stored = new Int8Array(0);

  constructor(
    private readonly inputs: number,
    private readonly outputs: number,
  ) {
    this.weights = new Float32Array(inputs);
    this.bits = new Int32Array(this.weights.buffer);
  }

  begin(): Int8Array {
    this.stored = new Int8Array(this.inputs * this.outputs);
    return this.stored;
  }

  quantize(column: number, scales: Float32Array): void {
    const { weights, bits, stored, outputs } = this;
    let largest = 0;
    for (let i = 0; i < bits.length; i++) largest = Math.max(largest, bits[i]! & MAGNITUDE);
    const scale = scaleOf(largest);
    const perWeight = inverse(scale);
    for (let i = 0, target = column; i < weights.length; i++, target += outputs)
      stored[target] = Math.floor(weights[i]! * perWeight + MIDDLE) - Math.floor(MIDDLE);
    scales[0] = scale;
  }
}

/** What floats.wat takes at once: so many outputs, and so many weights of one. */
const OUTPUTS_AT_ONCE = 16;
const WEIGHTS_AT_ONCE = 4;
/** Two such matrices are well within the 4 GiB that WebAssembly can address. */
const MAX_WIDE_BYTES = 2 ** 30;
/** Outputs whose bytes share a word. */
const IN_WORD = 4;

/** What floats.wat works in, for matrices of up to so many inputs and bytes. */
interface WideMemory {
  readonly inputs: number;
  readonly matrixBytes: number;
  readonly floats: FloatMemory;
  /** Places, in bytes: */
  readonly words: number; // [OUTPUTS_AT_ONCE / IN_WORD, inputs] int32, zero between calls
  readonly weights: number; // [OUTPUTS_AT_ONCE, inputs] float32
  /** Used in turn. */
  readonly matrices: [next: number, other: number]; // [inputs, outputs] int8 each
}

function makeWideMemory(inputs: number, matrixBytes: number): WideMemory | undefined {
  const rowBytes = inputs * Float32Array.BYTES_PER_ELEMENT;
  const weights = (OUTPUTS_AT_ONCE / IN_WORD) * rowBytes;
  const matrix = weights + OUTPUTS_AT_ONCE * rowBytes;
  const floats = makeFloatMemory(matrix + 2 * matrixBytes);
  return floats && { inputs, matrixBytes, floats, words: 0, weights, matrices: [matrix, matrix + matrixBytes] };
}

/** Sixteen outputs at once, in SIMD instructions. */
class WideQuantizer implements MatrixQuantizer {
  readonly atOnce = OUTPUTS_AT_ONCE;
  readonly weights: Float32Array;
  private matrix = 0;

  constructor(
    private readonly memory: WideMemory,
    private readonly inputs: number,
    private readonly outputs: number,
  ) {
    this.weights = new Float32Array(memory.floats.buffer, memory.weights, OUTPUTS_AT_ONCE * inputs);
  }

  begin(): Int8Array {
    const { matrices } = this.memory;
    this.matrix = matrices[0];
    matrices.reverse();
    return new Int8Array(this.memory.floats.buffer, this.matrix, this.inputs * this.outputs);
  }

  quantize(column: number, scales: Float32Array): void {
    const { floats, words, weights } = this.memory;
    const rowBytes = this.inputs * Float32Array.BYTES_PER_ELEMENT;
    for (let i = 0; i < OUTPUTS_AT_ONCE; i++) {
      const row = weights + i * rowBytes;
      scales[i] = scaleOf(floats.largest(row, row + rowBytes));
      const word = words + Math.floor(i / IN_WORD) * rowBytes;
      floats.quantizeRow(row, row + rowBytes, word, 8 * (i % IN_WORD), inverse(scales[i]!));
    }
    floats.storeColumns(words, rowBytes, this.matrix + column, this.outputs);
  }
}

const float = new Float32Array(1);
const floatBits = new Int32Array(float.buffer);

function scaleOf(largestBits: number): number {
  floatBits[0] = largestBits;
  const scale = Math.fround(float[0]! / LIMIT);
  return scale < SMALLEST_SCALE ? 0 : scale;
}

function inverse(scale: number): number {
  return scale === 0 ? 0 : 1 / scale;
}
