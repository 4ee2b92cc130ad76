import { readFileSync } from "node:fs";

/** The largest stored magnitude: -128 is left out, so that a weight and its negative are stored alike. */
const LIMIT = 127;
/** Below this a float32 has few digits, and a weight means nothing. */
const SMALLEST_SCALE = 2 ** -126;
/** Without their signs, the bits of floats are ordered as the floats are. */
const MAGNITUDE = 0x7fffffff;

/**
 * Quantises a matrix output by output, symmetrically and rounded to nearest (floor(x + 0.5)): weight = scale * stored,
 * stored in -127 .. 127. A scale is zero where all weights are, and not finite where a weight is not.
 */
export interface MatrixQuantizer {
  /** Weights of the next outputs, to be filled; as many outputs as are quantised at once. */
  readonly weights: Float32Array; // [outputs at once, inputs]
  /** A new matrix for the columns that follow; it stays as it is until the one after the next is begun. */
  begin(): Int8Array; // [inputs, outputs]
  /** Quantises `weights` into the columns from `column` on; returns their scales. */
  quantize(column: number): Float32Array;
}

/** Keeps the memory in which matrices are quantised, so that not every one of them takes new. */
export class Quantizer {
  private wide: WideMemory | undefined;

  /** For matrices of one size, until it is called again. */
  forMatrices(inputs: number, outputs: number): MatrixQuantizer {
    if (inputs % LANES !== 0 || outputs % SIXTEEN !== 0) return new NarrowQuantizer(inputs, outputs);
    if (!this.wide || this.wide.inputs < inputs || this.wide.matrixBytes < inputs * outputs) {
      // The one before is not grown: its last matrix may still be on its way to the disk.
      const { inputs: most = 0, matrixBytes = 0 } = this.wide ?? {};
      this.wide = new WideMemory(Math.max(most, inputs), Math.max(matrixBytes, inputs * outputs));
    }
    return new WideQuantizer(this.wide, inputs, outputs);
  }
}

/** Of any size, one output at once. */
class NarrowQuantizer implements MatrixQuantizer {
  readonly weights: Float32Array;
  private stored = new Int8Array(0);

  constructor(
    private readonly inputs: number,
    private readonly outputs: number,
  ) {
    this.weights = new Float32Array(inputs);
  }

  begin(): Int8Array {
    this.stored = new Int8Array(this.inputs * this.outputs);
    return this.stored;
  }

  quantize(column: number): Float32Array {
    const { weights, stored, outputs } = this;
    const bits = new Int32Array(weights.buffer);
    let largest = 0;
    for (let i = 0; i < bits.length; i++) largest = Math.max(largest, bits[i]! & MAGNITUDE);
    const scale = scaleOf(largest);
    const perWeight = inverse(scale);
    for (let i = 0, target = column; i < weights.length; i++, target += outputs)
      stored[target] = Math.floor(weights[i]! * perWeight + 0.5);
    return Float32Array.of(scale);
  }
}

/** What quantize.wat takes at once: so many outputs, and so many weights of one. */
const SIXTEEN = 16;
const LANES = 4;
/** Outputs whose bytes share a word. */
const IN_WORD = 4;

const PAGE_BYTES = 64 * 1024;

/** The functions of quantize.wat, which says what they do. */
interface WideFunctions {
  largest(value: number, end: number): number;
  add(value: number, end: number, word: number, shift: number, perValue: number): void;
  store(word: number, bytes: number, target: number, stride: number): void;
}

/** Vitest runs the sources, which have no compiled module beside them. */
const MODULE_FILE = new URL(
  import.meta.url.endsWith(".ts") ? "../../../dist/model/import/quantize.wasm" : "./quantize.wasm",
  import.meta.url,
);
let compiled: WebAssembly.Module | undefined;

/** What quantize.wat works in, for matrices of up to so many inputs and bytes. Places are in bytes. */
class WideMemory {
  readonly buffer: ArrayBuffer;
  readonly functions: WideFunctions;
  /** Zero between calls. */
  readonly words = 0; // [SIXTEEN / IN_WORD, inputs] int32
  readonly weights: number; // [SIXTEEN, inputs] float32
  private readonly matrices: readonly [number, number]; // [inputs, outputs] int8 each
  private latest = 0;

  constructor(
    readonly inputs: number,
    readonly matrixBytes: number,
  ) {
    const rowBytes = inputs * Float32Array.BYTES_PER_ELEMENT;
    this.weights = (SIXTEEN / IN_WORD) * rowBytes;
    const first = this.weights + SIXTEEN * rowBytes;
    this.matrices = [first, first + matrixBytes];
    const pages = Math.ceil((first + 2 * matrixBytes) / PAGE_BYTES);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    compiled ??= new WebAssembly.Module(readFileSync(MODULE_FILE));
    const { exports } = new WebAssembly.Instance(compiled, { quantize: { memory } });
    this.buffer = memory.buffer;
    this.functions = exports as unknown as WideFunctions;
  }

  /** The place of a matrix, of two in turn. */
  nextMatrix(): number {
    this.latest = 1 - this.latest;
    return this.matrices[this.latest]!;
  }
}

/** Sixteen outputs at once, in SIMD instructions. */
class WideQuantizer implements MatrixQuantizer {
  readonly weights: Float32Array;
  private matrix = 0;

  constructor(
    private readonly memory: WideMemory,
    private readonly inputs: number,
    private readonly outputs: number,
  ) {
    this.weights = new Float32Array(memory.buffer, memory.weights, SIXTEEN * inputs);
  }

  begin(): Int8Array {
    this.matrix = this.memory.nextMatrix();
    return new Int8Array(this.memory.buffer, this.matrix, this.inputs * this.outputs);
  }

  quantize(column: number): Float32Array {
    const { functions, words, weights } = this.memory;
    const rowBytes = this.inputs * Float32Array.BYTES_PER_ELEMENT;
    const scales = new Float32Array(SIXTEEN);
    for (let i = 0; i < SIXTEEN; i++) {
      const row = weights + i * rowBytes;
      scales[i] = scaleOf(functions.largest(row, row + rowBytes));
      const word = words + Math.floor(i / IN_WORD) * rowBytes;
      functions.add(row, row + rowBytes, word, 8 * (i % IN_WORD), inverse(scales[i]!));
    }
    functions.store(words, rowBytes, this.matrix + column, this.outputs);
    return scales;
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
