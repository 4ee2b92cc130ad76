import type { GraphBuilder, Value } from "./builder.js";
import { isQuantized, type LinearInput } from "./linear.js";
import { CONTRIB_DOMAIN, ELEMENT_TYPES, KERNELS_DOMAIN } from "./onnx.js";
import { concat, reshape, sizes, toWeightType } from "./ops.js";

/** The lowest float32: what a padded key's score falls to, so that its exponential is 0. */
const PADDED_SCORE = -3.4028234663852886e38;

/** In place of `PADDED_SCORE` where the mask is added to the scores: float16 holds it, and its exponential is 0 as well. */
const PADDED_BIAS = -60_000;

/** Flat rows of several sequences, equally many of each. */
export interface AttentionRows {
  readonly rows: LinearInput; // [sequences * tokens, width]
  /** [2]: sequences and tokens of each. */
  readonly layout: Value;
}

export interface AttentionShape {
  readonly width: number;
  readonly heads: number;
  /** Keys of each sequence that count, int32 [sequences]; the rest is padding and gets no attention weight. */
  readonly keyCounts?: Value;
  /** Turns queries and keys by their positions, [sequences, tokens, width] each. */
  readonly rotate?: (x: Value) => Value;
}

/**
 * Attention of timm's `Attention` before its output projection: one layer projects queries, keys and values. The queries
 * are `queries`, or all rows. -> [queries, width]
 */
export function selfAttention(
  g: GraphBuilder,
  layer: string,
  shape: AttentionShape,
  all: AttentionRows,
  queries: AttentionRows = all,
): Value {
  const { width, heads, rotate = (x) => x } = shape;
  // Attention adds an int8 layer's biases on its way, which takes less time than an addition. Rotations come after them.
  const addsBias = !shape.rotate && isQuantized(g, layer, qkvOutputs("q", width));
  const project = (part: "q" | "k" | "v", { rows, layout }: AttentionRows) => {
    const outputs = qkvOutputs(part, width);
    const product = rows.project(layer, addsBias ? { outputs, bias: null } : { outputs });
    return reshape(g, product, concat(g, [layout, g.ints([width])], 0));
  };
  const q = rotate(project("q", queries));
  const k = rotate(project("k", all));
  const v = project("v", all);
  const bias = addsBias ? g.weight(`${layer}.bias`) : undefined;
  const attended = { q, k, v, bias, scale: (width / heads) ** -0.5 };
  const isOurs = g.usesKernels && isQuantized(g, layer, qkvOutputs("q", width));
  const mixed = g.isForWebgpu ? attendPlainly(g, attended, shape) : attend(g, attended, shape, isOurs);
  return reshape(g, mixed, g.ints([-1, width]));
}

/** The outputs of a qkv layer are q, then k, then v, each head by head. */
function qkvOutputs(part: "q" | "k" | "v", width: number) {
  return { start: "qkv".indexOf(part) * width, count: width };
}

/** What attention takes. */
interface Attended {
  readonly q: Value; // [sequences, queries, width]
  readonly k: Value; // [sequences, tokens, width]
  readonly v: Value; // [sequences, tokens, width]
  /** Biases of all three, [3 width], where they are still to be added. */
  readonly bias: Value | undefined;
  /** 1 / sqrt(width of a head) */
  readonly scale: number;
}

/** softmax(scale q k^T) v, head by head: by ONNX Runtime's operator, or by ours, in bfloat16. -> q's shape */
function attend(
  g: GraphBuilder,
  { q, k, v, bias, scale }: Attended,
  { heads, keyCounts }: AttentionShape,
  isOurs: boolean,
): Value {
  // An input that is left out has no name; none may be left out at the end.
  const optional = keyCounts ? [bias ?? "", keyCounts] : bias ? [bias] : [];
  const own = { num_heads: { int: heads }, scale: { float: scale } };
  if (isOurs) return g.node("Attention", [q, k, v, ...optional], { domain: KERNELS_DOMAIN, attributes: own });
  const attributes = { ...own, mask_filter_value: { float: PADDED_SCORE } };
  return g.node("MultiHeadAttention", [q, k, v, ...optional], { domain: CONTRIB_DOMAIN, attributes });
}

/**
 * The same, of float models only, in operators of its own: in ONNX Runtime 1.30.0's WebGPU provider, MultiHeadAttention
 * takes no mask of keys and, from 32 queries on, is wrong on devices with subgroups of four, such as SwiftShader.
 */
function attendPlainly(g: GraphBuilder, { q, k, v, scale }: Attended, shape: AttentionShape): Value {
  const { width, heads, keyCounts } = shape;
  const transposed = (x: Value, perm: readonly number[]) =>
    g.node("Transpose", [x], { attributes: { perm: { ints: perm } } });
  const split = (x: Value) => reshape(g, x, concat(g, [sizes(g, x, 0, 2), g.ints([heads, width / heads])], 0));
  const queries = g.node("Mul", [transposed(split(q), [0, 2, 1, 3]), toWeightType(g, g.float(scale))]);
  const scores = g.node("MatMul", [queries, transposed(split(k), [0, 2, 3, 1])]); // [sequences, heads, queries, tokens]
  const masked = keyCounts ? g.node("Add", [scores, paddingBias(g, k, keyCounts)]) : scores;
  const weights = g.node("Softmax", [masked], { attributes: { axis: { int: -1 } } });
  const mixed = g.node("MatMul", [weights, transposed(split(v), [0, 2, 1, 3])]);
  return reshape(g, transposed(mixed, [0, 2, 1, 3]), g.node("Shape", [q]));
}

/** [sequences, 1, 1, tokens] */
function paddingBias(g: GraphBuilder, k: Value, keyCounts: Value): Value {
  const range = g.node("Range", [g.int(0), g.node("Squeeze", [sizes(g, k, 1, 2)]), g.int(1)]);
  const keys = g.node("Cast", [range], { attributes: { to: { int: ELEMENT_TYPES.int32 } } });
  const isPadded = g.node("GreaterOrEqual", [keys, g.node("Unsqueeze", [keyCounts, g.ints([1, 2, 3])])]);
  return toWeightType(g, g.node("Where", [isPadded, g.float(PADDED_BIAS), g.float(0)]));
}
