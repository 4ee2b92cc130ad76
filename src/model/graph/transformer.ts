import type { GraphBuilder, Value } from "./builder.js";
import { affineLayerNorm, concat, linear, reshape } from "./layers.js";

/** One stack of pre-norm transformer blocks (timm's `Block`), over flat rows of all sequences of the call. */
export interface Stack {
  readonly prefix: "encoder" | "decoder";
  readonly width: number;
  readonly depth: number;
  readonly heads: number;
  readonly normEps: number;
  /** [2]: sequences and tokens of each; the flat rows are their product. */
  readonly layout: Value;
  /** Added to the attention scores, [sequences, 1, 1, tokens]: 0, or -inf for a padded key. */
  readonly keyBias?: Value;
}

/** x + attention(norm1(x)), before the output projection. [rows, width] -> [rows, width] */
export function attention(g: GraphBuilder, x: Value, stack: Stack, block: number): Value {
  const { width, heads } = stack;
  const headWidth = width / heads;
  const name = `${stack.prefix}_blocks.${block}`;
  const normed = affineLayerNorm(g, x, `${name}.norm1`, stack.normEps);
  const qkv = linear(g, normed, `${name}.attn.qkv`); // [rows, 3 * width], q then k then v, each head by head
  const parts = g.split("Split", [qkv], 3, { attributes: { axis: { int: 1 }, num_outputs: { int: 3 } } });
  const headed = concat(g, [stack.layout, g.ints([heads, headWidth])], 0);
  const [q, k, v] = parts.map((part) => reshape(g, part, headed)) as [Value, Value, Value];
  const byHead = { attributes: { perm: { ints: [0, 2, 1, 3] } } };
  const queries = g.node("Mul", [g.node("Transpose", [q], byHead), g.float(headWidth ** -0.5)]);
  const keys = g.node("Transpose", [k], { attributes: { perm: { ints: [0, 2, 3, 1] } } });
  let scores = g.node("MatMul", [queries, keys]); // [sequences, heads, tokens, tokens]
  if (stack.keyBias) scores = g.node("Add", [scores, stack.keyBias]);
  const weights = g.node("Softmax", [scores], { attributes: { axis: { int: -1 } } });
  const mixed = g.node("MatMul", [weights, g.node("Transpose", [v], byHead)]); // [sequences, heads, tokens, headWidth]
  return reshape(g, g.node("Transpose", [mixed], byHead), g.ints([-1, width]));
}

/** What follows attention in a block, row by row: output projection, residual, MLP with exact (erf) GELU, residual. */
export function afterAttention(g: GraphBuilder, x: Value, mixed: Value, stack: Stack, block: number): Value {
  const name = `${stack.prefix}_blocks.${block}`;
  const attended = g.node("Add", [x, linear(g, mixed, `${name}.attn.proj`)]);
  const normed = affineLayerNorm(g, attended, `${name}.norm2`, stack.normEps);
  const hidden = g.node("Gelu", [linear(g, normed, `${name}.mlp.fc1`)], {
    attributes: { approximate: { string: "none" } },
  });
  return g.node("Add", [attended, linear(g, hidden, `${name}.mlp.fc2`)]);
}

/** The first `count` blocks. */
export function blocks(g: GraphBuilder, x: Value, stack: Stack, count: number): Value {
  let rows = x;
  for (let i = 0; i < count; i++) rows = afterAttention(g, rows, attention(g, rows, stack, i), stack, i);
  return rows;
}
