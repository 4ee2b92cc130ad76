import type { GraphBuilder, Value } from "./builder.js";
import { CONTRIB_DOMAIN, ELEMENT_TYPES } from "./onnx.js";

/** One operator each, with the attributes that all graphs give it. */

/** To the type of the model's weights, where that is not float32. */
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

/** LayerNorm with the scale and bias that the checkpoint has under `name`. */
export function affineLayerNorm(g: GraphBuilder, x: Value, name: string, epsilon: number): Value {
  return layerNorm(g, x, [g.weight(`${name}.weight`), g.weight(`${name}.bias`)], epsilon);
}

/** x / sqrt(mean(x^2) + epsilon) over the last axis, times the scale that the checkpoint has under `name`. */
export function rmsNorm(g: GraphBuilder, x: Value, name: string, epsilon: number): Value {
  // ONNX Runtime's own operator, though it stands in ONNX's domain; ONNX has one from opset 23 on.
  const attributes = { axis: { int: -1 }, epsilon: { float: epsilon }, stash_type: { int: ELEMENT_TYPES.float32 } };
  return g.node("SimplifiedLayerNormalization", [x, g.weight(`${name}.weight`)], { attributes });
}

/** A bound below all values of GELU: the least is -0.16997 at x = -0.7518 and, in its tanh form, -0.17004 at x = -0.7524. */
export const GELU_LOWEST = -0.171;

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
