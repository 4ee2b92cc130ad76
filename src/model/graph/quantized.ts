import type { GraphBuilder, Value } from "./builder.js";
import { CONTRIB_DOMAIN } from "./onnx.js";
import { type Rows, ZERO_POINT } from "./rows.js";
import { type OutputRows, scalesOf } from "./weights.js";

/** The largest quantised magnitude, of activations as of weights. */
const LIMIT = 127;

/** Activations in uint8: x = scale (quantised - ZERO_POINT), with a scale for each row. */
export interface QuantizedRows {
  readonly quantized: Value; // [rows, in]
  readonly scale: Value; // [rows, 1]
}

/**
 * Symmetric quantisation of each row by its own largest magnitude: a row's result is its own, whatever the others hold.
 * `width` is x's second axis. Where no value is below -`negative`, magnitudes need not be made to find the largest.
 */
export function quantizeRows(g: GraphBuilder, x: Value, width: number, rows: Rows, negative?: number): QuantizedRows {
  const ofRow = (values: Value) => g.node("ReduceMax", [values, g.ints([1])]); // [rows, 1]
  const largest = negative === undefined ? ofRow(g.node("Abs", [x])) : g.node("Max", [ofRow(x), g.float(negative)]);
  const scale = g.node("Mul", [largest, g.float(1 / LIMIT)]);
  const attributes = { axis: { int: 1 }, block_size: { int: width } };
  return { quantized: g.node("QuantizeLinear", [x, scale, rows.zeroPoints], { attributes }), scale };
}

/**
 * x W^T over quantised rows, W stored as int8: sums of products in int32, which are exact, then both scales.
 * `part` is one of the parts that the weight is stored in. [rows, in] -> [rows, out]
 */
export function quantizedProduct(g: GraphBuilder, x: QuantizedRows, weight: string, part?: OutputRows): Value {
  const scales = g.weight(scalesOf(weight), part);
  const inputs = [x.quantized, g.weight(weight, part), g.float(1), scales, g.byte(ZERO_POINT)];
  return g.node("Mul", [g.node("MatMulIntegerToFloat", inputs, { domain: CONTRIB_DOMAIN }), x.scale]);
}
