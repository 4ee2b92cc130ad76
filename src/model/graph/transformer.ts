import type { GraphBuilder, Value } from "./builder.js";
import { affineLayerNorm, concat, gather, linear, products, reshape } from "./layers.js";
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
  // The outputs of qkv are q, then k, then v, each head by head.
  const third = (product: typeof ofAll, layout: Value, i: number) =>
    reshape(
      g,
      product(`${name}.attn.qkv`, { outputs: { start: i * width, count: width } }),
      concat(g, [layout, g.ints([width])], 0),
    );
  const q = third(ofQueries, (queries ?? stack).layout, 0);
  const k = third(ofAll, stack.layout, 1);
  const v = third(ofAll, stack.layout, 2);
  return reshape(g, attend(g, [q, k, v], stack), g.ints([-1, width]));
}

/** softmax(q k^T / sqrt(width of a head)) v, head by head. [sequences, queries, width], then twice [sequences, tokens, width] -> q's shape */
function attend(g: GraphBuilder, [q, k, v]: readonly [Value, Value, Value], { width, heads, keyCounts }: Stack): Value {
  const inputs = keyCounts === undefined ? [q, k, v] : [q, k, v, "", keyCounts];
  const attributes = {
    num_heads: { int: heads },
    scale: { float: (width / heads) ** -0.5 },
    mask_filter_value: { float: PADDED_SCORE },
  };
  return g.node("MultiHeadAttention", inputs, { domain: CONTRIB_DOMAIN, attributes });
}

/** What follows attention in a block, row by row: output projection, residual, MLP with exact (erf) GELU, residual. */
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
  const hidden = g.node("Gelu", [linear(g, normed, `${name}.mlp.fc1`, rows)], {
    attributes: { approximate: { string: "none" } },
  });
  const output = products(g, hidden, rows, GELU_NEGATIVE)(`${name}.mlp.fc2`);
  return g.node("Add", [attended, output]);
}

/** The first `count` blocks. */
export function blocks(g: GraphBuilder, x: Value, stack: Stack, count: number): Value {
  let hidden = x;
  for (let i = 0; i < count; i++) hidden = afterAttention(g, hidden, attention(g, hidden, stack, i), stack, i);
  return hidden;
}
