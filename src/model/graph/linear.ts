import type { GraphBuilder, Value } from "./builder.js";
import { CONTRIB_DOMAIN, ELEMENT_TYPES } from "./onnx.js";
import { type QuantizedRows, quantizedProduct, quantizeRows } from "./quantized.js";
import type { Rows } from "./rows.js";
import type { OutputRows } from "./weights.js";

/** Layers that more than one graph is made of. `name` is the layer's name in the checkpoint. */

/** x W^T + b, W of whatever type it is stored as; `rows` are those of x. [rows, in] -> [rows, out] */
export function linear(g: GraphBuilder, x: Value, name: string, rows: Rows): Value {
  return products(g, x, rows)(name);
}

/** How a product is made where a layer's own way won't do. */
export interface ProductOptions {
  /** Some of the layer's outputs. */
  readonly outputs?: OutputRows;
  /** Instead of the layer's bias; null where the operator that takes the product adds it. */
  readonly bias?: Value | null;
}

/**
 * `linear` for several layers, or several parts of one, over the same x: it is quantised once, if at all. No value of x
 * may be below -`negative`, where that is known.
 */
export function products(g: GraphBuilder, x: Value, rows: Rows, negative?: number) {
  let quantized: QuantizedRows | undefined;
  return (name: string, { outputs, bias = g.weight(`${name}.bias`, outputs) }: ProductOptions = {}): Value => {
    const weight = `${name}.weight`;
    if (!isQuantized(g, name, outputs)) {
      const inputs = [x, g.weight(weight, outputs), ...(bias === null ? [] : [bias])];
      return g.node("Gemm", inputs, { attributes: { transB: { int: 1 } } });
    }
    const [width = 0] = g.weightShape(weight, outputs);
    quantized ??= quantizeRows(g, x, width, rows, negative);
    const product = quantizedProduct(g, quantized, weight, outputs);
    return bias === null ? product : g.node("Add", [product, bias]);
  };
}

/** Whether a layer's product is of integers: its bias is then an addition of its own, which Gemm's is not. */
export function isQuantized(g: GraphBuilder, name: string, outputs?: OutputRows): boolean {
  return g.weightType(`${name}.weight`, outputs) === "int8";
}

/** To the type that the model's weights have, if it is another than float32. */
export function toWeightType(g: GraphBuilder, x: Value): Value {
  return g.floatType === "float32"
    ? x
    : g.node("Cast", [x], { attributes: { to: { int: ELEMENT_TYPES[g.floatType] } } });
}

/** Back to float32. */
export function toFloat32(g: GraphBuilder, x: Value): Value {
  return g.floatType === "float32" ? x : g.node("Cast", [x], { attributes: { to: { int: ELEMENT_TYPES.float32 } } });
}

/** LayerNorm over the last axis with a scale and, where there is one, a bias. */
export function layerNorm(g: GraphBuilder, x: Value, affine: readonly Value[], epsilon: number): Value {
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon } };
  return g.node("LayerNormalization", [x, ...affine], { attributes });
}

/** LayerNorm with the layer's own scale and bias. */
export function affineLayerNorm(g: GraphBuilder, x: Value, name: string, epsilon: number): Value {
  return layerNorm(g, x, [g.weight(`${name}.weight`), g.weight(`${name}.bias`)], epsilon);
}

/** x sigmoid(x) */
export function silu(g: GraphBuilder, x: Value): Value {
  return g.node("QuickGelu", [x], { domain: CONTRIB_DOMAIN, attributes: { alpha: { float: 1 } } });
}

/** The sizes of some axes of x, as a vector. */
export function sizes(g: GraphBuilder, x: Value, start: number, end: number): Value {
  return g.node("Shape", [x], { attributes: { start: { int: start }, end: { int: end } } });
}

export function concat(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  return g.node("Concat", values, { attributes: { axis: { int: axis } } });
}

/** Reshape that takes a zero in the shape as an empty axis, not as "the input's size". */
export function reshape(g: GraphBuilder, x: Value, shape: Value): Value {
  return g.node("Reshape", [x, shape], { attributes: { allowzero: { int: 1 } } });
}

/** Rows of x by index along the first axis. */
export function gather(g: GraphBuilder, x: Value, indices: Value): Value {
  return g.node("Gather", [x, indices], { attributes: { axis: { int: 0 } } });
}
