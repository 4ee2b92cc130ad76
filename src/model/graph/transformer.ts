import type { GraphBuilder, Value } from "./builder.js";
import { affineLayerNorm, concat, linear, reshape } from "./layers.js";
import { CONTRIB_DOMAIN } from "./onnx.js";
import type { Rows } from "./rows.js";

/** The lowest float32: what a padded key's score falls to, so that its exponential is 0. */
const PADDED_SCORE = -3.4028234663852886e38;

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

/** x + attention(norm1(x)), before the output projection. [rows, width] -> [rows, width] */
export function attention(g: GraphBuilder, x: Value, stack: Stack, block: number): Value {
  const { width } = stack;
  const name = `${stack.prefix}_blocks.${block}`;
  const normed = affineLayerNorm(g, x, `${name}.norm1`, stack.normEps);
  const qkv = linear(g, normed, `${name}.attn.qkv`, stack.rows); // [rows, 3 * width], q then k then v, each head by head
  const parts = g.split("Split", [qkv], 3, { attributes: { axis: { int: 1 }, num_outputs: { int: 3 } } });
  const sequences = concat(g, [stack.layout, g.ints([width])], 0);
  const [q, k, v] = parts.map((part) => reshape(g, part, sequences)) as [Value, Value, Value];
  return reshape(g, attend(g, [q, k, v], stack), g.ints([-1, width]));
}

/** softmax(q k^T / sqrt(width of a head)) v, head by head. [sequences, tokens, width] three times -> one of it */
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
  return g.node("Add", [attended, linear(g, hidden, `${name}.mlp.fc2`, rows)]);
}

/** The first `count` blocks. */
export function blocks(g: GraphBuilder, x: Value, stack: Stack, count: number): Value {
  let hidden = x;
  for (let i = 0; i < count; i++) hidden = afterAttention(g, hidden, attention(g, hidden, stack, i), stack, i);
  return hidden;
}
