import type { GraphBuilder, Value } from "./builder.js";
import { CONTRIB_DOMAIN, KERNELS_DOMAIN } from "./onnx.js";
import { concat, layerNorm, reshape, silu, sizes, toWeightType } from "./ops.js";
import { type OutputRows, scalesOf } from "./weights.js";

/**
 * The product of rows and a layer's weights, x W^T + b, for weights stored as float32, float16 or int8. `name` is always
 * the layer's name in the checkpoint.
 */

const LARGEST_BYTE = 255;
/** The byte that stands for zero in quantised activations. */
const ZERO_POINT = 128;
/** The same where few of the bytes are needed for what lies below zero: after GELU. */
const LOW_ZERO_POINT = 32;

/** Our own operator multiplies as many inputs at once, and takes no others. */
const KERNEL_INPUTS = 4;

/** x W^T + b. [rows, in] -> [rows, out] */
export function linear(g: GraphBuilder, x: Value, name: string, zeroPoints: RowZeroPoints): Value {
  return new LinearInput(g, x, zeroPoints).project(name);
}

/** Whether a layer is stored as int8. Its bias is then an addition of its own; in a float layer Gemm adds it. */
export function isQuantized(g: GraphBuilder, name: string, outputs?: OutputRows): boolean {
  return g.weightType(`${name}.weight`, outputs) === "int8";
}

/** Whether our own operators multiply a layer: it is int8, they run here, and its inputs come in fours. */
export function isKernelProduct(g: GraphBuilder, name: string, outputs?: OutputRows): boolean {
  const [width = 0] = g.weightShape(`${name}.weight`, outputs);
  return g.usesKernels && isQuantized(g, name, outputs) && width % KERNEL_INPUTS === 0;
}

/** What a projection changes about a layer. */
export interface ProjectOptions {
  /** Some of the layer's outputs only. */
  readonly outputs?: OutputRows;
  /** Instead of the layer's own bias; null where the next operator adds the bias. */
  readonly bias?: Value | null;
  /** Of the outputs; GELU in its tanh form. */
  readonly activation?: "gelu-tanh" | "silu";
  /** What the outputs are added to: as many rows, flat or by sequence, whose shape the result has. */
  readonly residual?: Value;
  /** Multiplies what is added to the residual: [sequences, 1, out]. */
  readonly gate?: Value;
}

/** LayerNorm over the last axis, then a scale and a shift of each sequence, [sequences, 1, width]. */
export interface AdaptiveNorm {
  readonly width: number;
  readonly epsilon: number;
  readonly scale: Value;
  readonly shift: Value;
}

/** What is done to rows before a layer multiplies them. */
export interface InputOptions {
  /** No value is below this: quantising is more exact and takes less work. */
  readonly lowest?: number;
  /** x is then [sequences, tokens, in], but for our own operators as flat as otherwise. */
  readonly adaptiveNorm?: AdaptiveNorm;
}

/** Rows that one layer multiplies, or several, or several parts of one layer: the rows are quantised once, if at all. */
export class LinearInput {
  #flat: Value | undefined;
  #quantized: QuantizedRows | undefined;

  /** `x` is [rows, in]. */
  constructor(
    private readonly g: GraphBuilder,
    private readonly x: Value,
    private readonly zeroPoints: RowZeroPoints,
    private readonly options: InputOptions = {},
  ) {}

  /** The layer's outputs. -> [rows, out], or the residual's shape */
  project(name: string, options: ProjectOptions = {}): Value {
    const { g } = this;
    const { outputs, bias = g.weight(`${name}.bias`, outputs) } = options;
    const weight = `${name}.weight`;
    if (!isQuantized(g, name, outputs)) {
      const inputs = [this.#rows(), g.weight(weight, outputs), ...(bias === null ? [] : [bias])];
      return ended(g, g.node("Gemm", inputs, { attributes: { transB: { int: 1 } } }), null, options);
    }
    if (isKernelProduct(g, name, outputs)) return this.#kernelProduct(weight, bias, options);
    const [width = 0] = g.weightShape(weight, outputs);
    this.#quantized ??= quantizeRows(g, this.#rows(), width, this.zeroPoints, this.options.lowest);
    return ended(g, quantizedProduct(g, this.#quantized, weight, outputs), bias, options);
  }

  /** The same by our own operators: one quantises, and normalises before that; the other multiplies, and does all that follows. */
  #kernelProduct(weight: string, bias: Value | null, options: ProjectOptions): Value {
    const { g } = this;
    const { outputs, activation, residual = "", gate = "" } = options;
    const zeroPoint = zeroPointOf(this.options.lowest);
    this.#quantized ??= this.#quantizeByKernel(zeroPoint);
    const { quantized, scale } = this.#quantized;
    const inputs = [quantized, scale, g.weight(weight, outputs), g.weight(scalesOf(weight), outputs)];
    const attributes = { zero_point: { int: zeroPoint }, activation: { string: activation ?? "" } };
    return g.node("QuantizedProduct", [...inputs, bias ?? "", gate, residual], { domain: KERNELS_DOMAIN, attributes });
  }

  #quantizeByKernel(zeroPoint: number): QuantizedRows {
    const { lowest = 0, adaptiveNorm: norm } = this.options;
    const inputs = norm ? [this.x, norm.scale, norm.shift] : [this.x];
    const attributes = {
      zero_point: { int: zeroPoint },
      lowest: { float: lowest },
      norm: { int: norm ? 1 : 0 },
      epsilon: { float: norm?.epsilon ?? 0 },
    };
    const [quantized = "", scale = ""] = this.g.split("QuantizeRows", inputs, 2, {
      domain: KERNELS_DOMAIN,
      attributes,
    });
    return { quantized, zeroPoint, scale };
  }

  /** x as it is multiplied. [rows, in] */
  #rows(): Value {
    this.#flat ??= this.options.adaptiveNorm ? adaptivelyNormed(this.g, this.x, this.options.adaptiveNorm) : this.x;
    return this.#flat;
  }
}

/** What follows a product without a bias, or whose bias is in it already. */
function ended(g: GraphBuilder, product: Value, bias: Value | null, options: ProjectOptions): Value {
  const { activation, residual, gate } = options;
  let y = product;
  if (activation === "gelu-tanh") y = g.node("FastGelu", bias ? [y, bias] : [y], { domain: CONTRIB_DOMAIN });
  else if (bias) y = g.node("Add", [y, bias]);
  if (activation === "silu") y = silu(g, y);
  if (gate) y = g.node("Mul", [reshape(g, y, g.node("Shape", [residual!])), gate]);
  return residual ? g.node("Add", [residual, y]) : y;
}

/**
 * A zero point for each row of activations, [rows, 1], for all activations that have as many rows as `like` ([rows, ...]).
 * The zero points are made once, in the graph of `g` even where a loop's body needs them.
 */
export class RowZeroPoints {
  readonly #values = new Map<number, Value>();

  constructor(
    private readonly g: GraphBuilder,
    private readonly like: Value,
  ) {}

  /** All equal to `zeroPoint`. */
  of(zeroPoint: number): Value {
    const { g } = this;
    const shape = () => concat(g, [sizes(g, this.like, 0, 1), g.ints([1])], 0);
    const value = this.#values.get(zeroPoint) ?? g.node("Expand", [g.byte(zeroPoint), shape()]);
    this.#values.set(zeroPoint, value);
    return value;
  }
}

/** Activations as bytes: x = scale (quantized - zeroPoint), with a scale for each row. */
interface QuantizedRows {
  readonly quantized: Value; // [rows, in]
  readonly zeroPoint: number;
  readonly scale: Value; // [rows, 1]
}

function zeroPointOf(lowest: number | undefined): number {
  return lowest === undefined ? ZERO_POINT : LOW_ZERO_POINT;
}

/** LayerNorm(x) * scale + shift, as flat rows. [sequences, tokens, width] -> [sequences * tokens, width] */
export function adaptivelyNormed(g: GraphBuilder, x: Value, norm: AdaptiveNorm): Value {
  const { epsilon, width, scale, shift } = norm;
  const ones = toWeightType(g, g.floats(`ones ${width}`, new Float32Array(width).fill(1)));
  const scaled = g.node("Mul", [layerNorm(g, x, [ones], epsilon), scale]);
  return reshape(g, g.node("Add", [scaled, shift]), g.ints([-1, width]));
}

/**
 * Quantisation of each row by its own largest magnitude, so that a row's result does not depend on the other rows.
 * `width` is x's second axis. Where no value is below `lowest`, the largest value takes the place of the magnitude, and
 * zero lies so low that most of the bytes are left for values above it.
 */
function quantizeRows(
  g: GraphBuilder,
  x: Value,
  width: number,
  zeroPoints: RowZeroPoints,
  lowest?: number,
): QuantizedRows {
  const isSymmetric = lowest === undefined;
  const zeroPoint = zeroPointOf(lowest);
  const largest = g.node("ReduceMax", [isSymmetric ? g.node("Abs", [x]) : x, g.ints([1])]); // [rows, 1]
  const above = g.node("Mul", [largest, g.float(1 / (LARGEST_BYTE - zeroPoint))]);
  const scale = isSymmetric ? above : g.node("Max", [above, g.float(-lowest / zeroPoint)]);
  const attributes = { axis: { int: 1 }, block_size: { int: width } };
  const quantized = g.node("QuantizeLinear", [x, scale, zeroPoints.of(zeroPoint)], { attributes });
  return { quantized, zeroPoint, scale };
}

/**
 * x W^T over quantised rows, W stored as int8: sums of products in int32, which are exact, then both scales.
 * `outputs` is one of the parts that the weight is stored in. [rows, in] -> [rows, out]
 */
function quantizedProduct(g: GraphBuilder, x: QuantizedRows, weight: string, outputs?: OutputRows): Value {
  const scales = g.weight(scalesOf(weight), outputs);
  const inputs = [x.quantized, g.weight(weight, outputs), g.float(1), scales, g.byte(x.zeroPoint)];
  return g.node("Mul", [g.node("MatMulIntegerToFloat", inputs, { domain: CONTRIB_DOMAIN }), x.scale]);
}
