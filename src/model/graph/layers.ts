import type { GraphBuilder, Value } from "./builder.js";

/** Layers that more than one graph is made of. `name` is the layer's name in the checkpoint. */

/** x W^T + b over rows, W as PyTorch stores it. [rows, in] -> [rows, out] */
export function linear(g: GraphBuilder, x: Value, name: string): Value {
  const inputs = [x, g.weight(`${name}.weight`), g.weight(`${name}.bias`)];
  return g.node("Gemm", inputs, { attributes: { transB: { int: 1 } } });
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
  return g.node("Mul", [x, g.node("Sigmoid", [x])]);
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
