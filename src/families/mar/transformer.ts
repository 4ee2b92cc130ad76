import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { isQuantized, LinearInput, linear, type RowZeroPoints } from "../../model/graph/linear.js";
import { CONTRIB_DOMAIN } from "../../model/graph/onnx.js";
import { affineLayerNorm, concat, gather, reshape } from "../../model/graph/ops.js";

/** The lowest float32: what a padded key's score falls to, so that its exponential is 0. */
const PADDED_SCORE = -3.4028234663852886e38;

/** A bound below GELU's least value, -0.16997 at x = -0.7518. */
const GELU_LOWEST = -0.17;

/** One stack of pre-norm transformer blocks (timm's `Block`), over flat rows of all sequences of the call. */
export interface Stack {
  readonly prefix: "encoder" | "decoder";
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly normEps: number;
  /** [2]: sequences and tokens of each; the flat rows are their product. */
  readonly layout: Value;
  readonly zeroPoints: RowZeroPoints;
  /** Keys of each sequence that count, int32 [sequences]; the rest is padding and gets no attention weight. */
  readonly keyCounts?: Value;
}

/** The rows of a stack that are queries, where not all of them are: equally many of each sequence. */
export interface Queries {
  readonly index: Value; // [queries], of the flat rows
  readonly layout: Value; // [2]: sequences and queries of each
  readonly zeroPoints: RowZeroPoints;
}

/** attention(norm1(x)) before the output projection, of all rows or of the queries. [rows, width] -> [queries, width] */
export function attention(g: GraphBuilder, x: Value, stack: Stack, block: number, queries?: Queries): Value {
  const name = `${stack.prefix}_blocks.${block}`;
  const normed = affineLayerNorm(g, x, `${name}.norm1`, stack.normEps);
  const rows = new LinearInput(g, normed, stack.zeroPoints);
  const queryRows = queries ? new LinearInput(g, gather(g, normed, queries.index), queries.zeroPoints) : rows;
  const layer = `${name}.attn.qkv`;
  // Attention adds an int8 layer's biases on its way, which takes less time than an addition.
  const addsBias = isQuantized(g, layer, qkvOutputs("q", stack.width));
  const project = (part: "q" | "k" | "v", input: LinearInput, layout: Value) => {
    const outputs = qkvOutputs(part, stack.width);
    const product = input.project(layer, addsBias ? { outputs, bias: null } : { outputs });
    return reshape(g, product, concat(g, [layout, g.ints([stack.width])], 0));
  };
  const q = project("q", queryRows, (queries ?? stack).layout);
  const k = project("k", rows, stack.layout);
  const v = project("v", rows, stack.layout);
  const bias = addsBias ? g.weight(`${layer}.bias`) : undefined;
  return reshape(g, attend(g, { q, k, v, bias }, stack), g.ints([-1, stack.width]));
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
}

/** softmax(q k^T / sqrt(width of a head)) v, head by head. -> q's shape */
function attend(g: GraphBuilder, { q, k, v, bias }: Attended, { width, heads, keyCounts }: Stack): Value {
  // An input that is left out has no name; none may be left out at the end.
  const optional = keyCounts ? [bias ?? "", keyCounts] : bias ? [bias] : [];
  const attributes = {
    num_heads: { int: heads },
    scale: { float: (width / heads) ** -0.5 },
    mask_filter_value: { float: PADDED_SCORE },
  };
  return g.node("MultiHeadAttention", [q, k, v, ...optional], { domain: CONTRIB_DOMAIN, attributes });
}

/** What follows attention in a block, row by row: output projection, residual, MLP with GELU, residual. */
export function afterAttention(
  g: GraphBuilder,
  x: Value,
  mixed: Value,
  stack: Stack,
  block: number,
  zeroPoints: RowZeroPoints = stack.zeroPoints,
): Value {
  const name = `${stack.prefix}_blocks.${block}`;
  const attended = g.node("Add", [x, linear(g, mixed, `${name}.attn.proj`, zeroPoints)]);
  const normed = affineLayerNorm(g, attended, `${name}.norm2`, stack.normEps);
  const hidden = geluOf(g, normed, `${name}.mlp.fc1`, zeroPoints);
  const output = new LinearInput(g, hidden, zeroPoints, GELU_LOWEST).project(`${name}.mlp.fc2`);
  return g.node("Add", [attended, output]);
}

/**
 * GELU of a layer's outputs: the exact one, with erf. After an int8 product tanh stands in for erf, and the same operator
 * adds the bias: at most 0.0005 off, a hundredth of what quantising the result rounds.
 */
function geluOf(g: GraphBuilder, x: Value, layer: string, zeroPoints: RowZeroPoints): Value {
  if (isQuantized(g, layer)) {
    const product = new LinearInput(g, x, zeroPoints).project(layer, { bias: null });
    return g.node("FastGelu", [product, g.weight(`${layer}.bias`)], { domain: CONTRIB_DOMAIN });
  }
  return g.node("Gelu", [linear(g, x, layer, zeroPoints)], { attributes: { approximate: { string: "none" } } });
}

/** The first `count` blocks. */
export function blocks(g: GraphBuilder, x: Value, stack: Stack, count: number): Value {
  let hidden = x;
  for (let i = 0; i < count; i++) hidden = afterAttention(g, hidden, attention(g, hidden, stack, i), stack, i);
  return hidden;
}
