import type { GraphBuilder, Value } from "./builder.js";
import { CONTRIB_DOMAIN } from "./onnx.js";
import { concat, sizes } from "./ops.js";
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

/** x W^T + b. [rows, in] -> [rows, out] */
export function linear(g: GraphBuilder, x: Value, name: string, zeroPoints: RowZeroPoints): Value {
  return new LinearInput(g, x, zeroPoints).project(name);
}

/** Whether a layer is stored as int8. Its bias is then an addition of its own; in a float layer Gemm adds it. */
export function isQuantized(g: GraphBuilder, name: string, outputs?: OutputRows): boolean {
  return g.weightType(`${name}.weight`, outputs) === "int8";
}

/** What a projection changes about a layer. */
export interface ProjectOptions {
  /** Some of the layer's outputs only. */
  readonly outputs?: OutputRows;
  /** Instead of the layer's own bias; null where the next operator adds the bias. */
  readonly bias?: Value | null;
}

/** Rows that one layer multiplies, or several, or several parts of one layer: the rows are quantised once, if at all. */
export class LinearInput {
  #quantized: QuantizedRows | undefined;

  /** `x` is [rows, in]. Where it is known that no value is below `lowest`, quantising is more exact and takes less work. */
  constructor(
    private readonly g: GraphBuilder,
    private readonly x: Value,
    private readonly zeroPoints: RowZeroPoints,
    private readonly lowest?: number,
  ) {}

  /** The layer's outputs. -> [rows, out] */
  project(name: string, options: ProjectOptions = {}): Value {
    const { g } = this;
    const { outputs, bias = g.weight(`${name}.bias`, outputs) } = options;
    const weight = `${name}.weight`;
    if (!isQuantized(g, name, outputs)) {
      const inputs = [this.x, g.weight(weight, outputs), ...(bias === null ? [] : [bias])];
      return g.node("Gemm", inputs, { attributes: { transB: { int: 1 } } });
    }
    const [width = 0] = g.weightShape(weight, outputs);
    this.#quantized ??= quantizeRows(g, this.x, width, this.zeroPoints, this.lowest);
    const product = quantizedProduct(g, this.#quantized, weight, outputs);
    return bias === null ? product : g.node("Add", [product, bias]);
  }
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
  const zeroPoint = isSymmetric ? ZERO_POINT : LOW_ZERO_POINT;
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
