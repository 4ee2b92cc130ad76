import { selfAttention } from "../../model/graph/attention.js";
import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { LinearInput, linear, type RowZeroPoints } from "../../model/graph/linear.js";
import { ELEMENT_TYPES } from "../../model/graph/onnx.js";
import { concat, reshape, rmsNorm, silu, sizes } from "../../model/graph/ops.js";
import type { GraphOptions } from "../../model/graph/weights.js";
import type { Stack } from "../../model/shapes.js";
import { rotaryTable } from "./rotary.js";

/** Epsilon of every RMSNorm. */
const NORM_EPS = 1e-6;

/** Tokens in rows and columns. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
}

interface Embedded {
  readonly rows: Value; // [images * L, width]
  readonly zeroPoints: RowZeroPoints;
}

/** What every block of a graph shares. */
interface Shared {
  readonly stack: Stack;
  /** [2]: images and tokens of each. */
  readonly layout: Value;
  readonly zeroPoints: RowZeroPoints;
  readonly rotate: (x: Value) => Value;
}

/**
 * The transformer of either half, with the positions before it and the norms around it (models/detok.py of the official code).
 * Exposes `ln_pre`, `block.N` and `ln_post`. [images * L, width] -> the same, float32
 */
export function visionTransformer(
  g: GraphBuilder,
  name: string,
  stack: Stack,
  grid: Grid,
  { rows, zeroPoints }: Embedded,
  { expose }: GraphOptions,
): Value {
  const tokens = grid.rows * grid.columns;
  const sequences = reshape(g, rows, g.ints([-1, tokens, stack.width]));
  const placed = g.node("Add", [sequences, g.weight(`${name}.positional_embedding`)]);
  const layout = concat(g, [sizes(g, placed, 0, 1), g.ints([tokens])], 0);
  // A model in float16 has the decoder's blocks so.
  const type = g.weightType(`${name}.transformer.0.norm1.weight`) === "float16" ? "float16" : "float32";
  const cast = (x: Value, to: typeof type) =>
    type === "float32" ? x : g.node("Cast", [x], { attributes: { to: { int: ELEMENT_TYPES[to] } } });
  const output = (stage: string, x: Value) => {
    const shape = concat(g, [layout, g.ints([stack.width])], 0);
    if (expose) g.output(stage, reshape(g, x, shape), "float32", ["images", "tokens", stack.width]);
    return x;
  };

  const shared = { stack, layout, zeroPoints, rotate: rotation(g, stack, grid, (x) => cast(x, type)) };
  const flat = reshape(g, placed, g.ints([-1, stack.width]));
  let x = cast(output("ln_pre", rmsNorm(g, flat, `${name}.ln_pre`, NORM_EPS)), type);
  for (let i = 0; i < stack.depth; i++) {
    x = block(g, x, `${name}.transformer.${i}`, shared);
    if (expose) output(`block.${i}`, cast(x, "float32"));
  }
  return output("ln_post", rmsNorm(g, cast(x, "float32"), `${name}.ln_post`, NORM_EPS));
}

function block(g: GraphBuilder, x: Value, name: string, { stack, layout, zeroPoints, rotate }: Shared): Value {
  const rows = new LinearInput(g, rmsNorm(g, x, `${name}.norm1`, NORM_EPS), zeroPoints);
  const mixed = selfAttention(g, `${name}.attn.qkv`, { ...stack, rotate }, { rows, layout });
  const attended = g.node("Add", [x, linear(g, mixed, `${name}.attn.proj`, zeroPoints)]);
  const normed = rmsNorm(g, attended, `${name}.norm2`, NORM_EPS);
  return g.node("Add", [attended, linear(g, gated(g, normed, name, zeroPoints), `${name}.mlp.w3`, zeroPoints)]);
}

/** SwiGLU: silu of the first half of the outputs, times the second. */
function gated(g: GraphBuilder, x: Value, name: string, zeroPoints: RowZeroPoints): Value {
  const both = linear(g, x, `${name}.mlp.w12`, zeroPoints);
  const [gate, value] = g.split("Split", [both], 2, { attributes: { axis: { int: 1 }, num_outputs: { int: 2 } } });
  return g.node("Mul", [silu(g, gate!), value!]);
}

/**
 * Rotary positions: x cos + rotated(x) sin, where `rotated` makes (-b, a) of every pair (a, b) of neighbours. The official code gives the
 * two of a pair angles of their own, so that no operator of ONNX Runtime does this. The pairs are turned by a matrix product, which
 * is exact: all but one of its terms are zero.
 */
function rotation(g: GraphBuilder, { width, heads }: Stack, grid: Grid, cast: (x: Value) => Value): Shared["rotate"] {
  const size = width / heads;
  const tokens = grid.rows * grid.columns;
  const table = rotaryTable(size, grid);
  const constant = (label: string, values: Float32Array, shape: number[]) =>
    cast(reshape(g, g.floats(label, values), g.ints(shape)));
  const cos = constant("cos", table.cos, [tokens, 1, size]);
  const sin = constant("sin", table.sin, [tokens, 1, size]);
  const pairs = constant("pairs", pairMatrix(size), [size, size]);
  return (x) => {
    const byHead = g.node("Reshape", [x, g.ints([0, 0, heads, size])]); // [images, L, heads, size]
    const turned = g.node("Mul", [g.node("MatMul", [byHead, pairs]), sin]);
    const rotated = g.node("Add", [g.node("Mul", [byHead, cos]), turned]);
    return g.node("Reshape", [rotated, g.ints([0, 0, width])]);
  };
}

/** x M has -x[2i + 1] at 2i and x[2i] at 2i + 1. [size, size] */
function pairMatrix(size: number): Float32Array {
  const matrix = new Float32Array(size * size);
  for (let i = 0; i < size; i += 2) {
    matrix[(i + 1) * size + i] = -1;
    matrix[i * size + i + 1] = 1;
  }
  return matrix;
}
