import type { GraphBuilder, Value } from "./builder.js";
import { affineLayerNorm, concat, gather, isQuantized, linear, products, reshape } from "./linear.js";
import { CONTRIB_DOMAIN } from "./onnx.js";
import type { Rows } from "./rows.js";

/** The lowest float32: what a padded key's score falls to, so that its exponential is 0. */
const PADDED_SCORE = -3.4028234663852886e38;

/** GELU's least value is -0.16997, at x = -0.7518. */
const GELU_NEGATIVE = 0.17;

/** One stack of pre-norm transformer blocks (timm's `Block`), over flat rows of all sequences of the call. */
export interface Stack {
  readonly prefix: "encoder" | "decoder";
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly normEps: number;
  /** [2]: sequences and tokens of each; the flat rows are their product. */
  readonly layout: Value;
  readonly rows: Rows;
  /** Keys of each sequence that count, int32 [sequences]; the rest is padding and gets no attention weight. */
  readonly keyCounts?: Value;
}

/** The rows of a stack that ask, where not all of them do: as many of each sequence. */
export interface Queries {
  readonly index: Value; // [queries], of the flat rows
  readonly layout: Value; // [2]: sequences and queries of each
  readonly rows: Rows;
}

/** attention(norm1(x)) before the output projection, of all rows or of those that ask. [rows, width] -> [queries, width] */
export function attention(g: GraphBuilder, x: Value, stack: Stack, block: number, queries?: Queries): Value {
  const { width } = stack;
  const name = `${stack.prefix}_blocks.${block}`;
  const normed = affineLayerNorm(g, x, `${name}.norm1`, stack.normEps);
  const ofAll = products(g, normed, stack.rows);
  const ofQueries = queries ? products(g, gather(g, normed, queries.index), queries.rows) : ofAll;
  const layer = `${name}.attn.qkv`;
  // The outputs of qkv are q, then k, then v, each head by head.
  const outputs = (i: number) => ({ start: i * width, count: width });
  // Attention adds biases on its way, for less than an addition of their own takes.
  const biased = isQuantized(g, layer, outputs(0)) ? { bias: null } : {};
  const third = (product: typeof ofAll, layout: Value, i: number) =>
    reshape(g, product(layer, { outputs: outputs(i), ...biased }), concat(g, [layout, g.ints([width])], 0));
  const q = third(ofQueries, (queries ?? stack).layout, 0);
  const k = third(ofAll, stack.layout, 1);
  const v = third(ofAll, stack.layout, 2);
  const bias = "bias" in biased ? g.weight(`${layer}.bias`) : "";
  return reshape(g, attend(g, [q, k, v, bias], stack), g.ints([-1, width]));
}

/**
 * softmax(q k^T / sqrt(width of a head)) v, head by head. [sequences, queries, width], then twice [sequences, tokens, width],
 * then the biases of all three where they are still to be added -> q's shape
 */
function attend(
  g: GraphBuilder,
  qkvAndBias: readonly [Value, Value, Value, Value],
  { width, heads, keyCounts }: Stack,
): Value {
  const all = [...qkvAndBias, keyCounts ?? ""];
  const inputs = all.slice(0, all.findLastIndex((value) => value !== "") + 1); // none of those left out is named at the end
  const attributes = {
    num_heads: { int: heads },
    scale: { float: (width / heads) ** -0.5 },
    mask_filter_value: { float: PADDED_SCORE },
  };
  return g.node("MultiHeadAttention", inputs, { domain: CONTRIB_DOMAIN, attributes });
}

/** What follows attention in a block, row by row: output projection, residual, MLP with GELU, residual. */
export function afterAttention(
  g: GraphBuilder,
  x: Value,
  mixed: Value,
  stack: Stack,
  block: number,
  rows: Rows = stack.rows,
): Value {
  const name = `${stack.prefix}_blocks.${block}`;
  const attended = g.node("Add", [x, linear(g, mixed, `${name}.attn.proj`, rows)]);
  const normed = affineLayerNorm(g, attended, `${name}.norm2`, stack.normEps);
  const hidden = geluOf(g, normed, `${name}.mlp.fc1`, rows);
  const output = products(g, hidden, rows, GELU_NEGATIVE)(`${name}.mlp.fc2`);
  return g.node("Add", [attended, output]);
}

/**
 * GELU of a layer's outputs: the exact one, with erf. Beside an integer product tanh stands in for erf, and one operator adds
 * the bias as well: at most 0.0005 off, a hundredth of what quantising the result rounds.
 */
function geluOf(g: GraphBuilder, x: Value, layer: string, rows: Rows): Value {
  if (isQuantized(g, layer)) {
    const product = products(g, x, rows)(layer, { bias: null });
    return g.node("FastGelu", [product, g.weight(`${layer}.bias`)], { domain: CONTRIB_DOMAIN });
  }
  return g.node("Gelu", [linear(g, x, layer, rows)], { attributes: { approximate: { string: "none" } } });
}

/** The first `count` blocks. */
export function blocks(g: GraphBuilder, x: Value, stack: Stack, count: number): Value {
  let hidden = x;
  for (let i = 0; i < count; i++) hidden = afterAttention(g, hidden, attention(g, hidden, stack, i), stack, i);
  return hidden;
}
