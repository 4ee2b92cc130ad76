import { selfAttention } from "../../model/graph/attention.js";
import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { isQuantized, LinearInput, linear, type RowZeroPoints } from "../../model/graph/linear.js";
import { affineLayerNorm, GELU_LOWEST, gather } from "../../model/graph/ops.js";

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
  const rows = { rows: new LinearInput(g, normed, stack.zeroPoints), layout: stack.layout };
  const queryRows = queries && {
    rows: new LinearInput(g, gather(g, normed, queries.index), queries.zeroPoints),
    layout: queries.layout,
  };
  return selfAttention(g, `${name}.attn.qkv`, stack, rows, queryRows);
}

/** What follows attention in a block, row by row: output projection, residual, MLP with GELU, residual. */
export function afterAttention(
  g: GraphBuilder,
  x: Value,
  mixed: Value,
  stack: Pick<Stack, "prefix" | "normEps" | "zeroPoints">,
  block: number,
  zeroPoints: RowZeroPoints = stack.zeroPoints,
): Value {
  const name = `${stack.prefix}_blocks.${block}`;
  const attended = new LinearInput(g, mixed, zeroPoints).project(`${name}.attn.proj`, { residual: x });
  const normed = affineLayerNorm(g, attended, `${name}.norm2`, stack.normEps);
  const hidden = geluOf(g, normed, `${name}.mlp.fc1`, zeroPoints);
  const output = new LinearInput(g, hidden, zeroPoints, { lowest: GELU_LOWEST });
  return output.project(`${name}.mlp.fc2`, { residual: attended });
}

/**
 * GELU of a layer's outputs: the exact one, with erf. After an int8 product tanh stands in for erf, and the same operator
 * adds the bias: at most 0.0005 off, a hundredth of what quantising the result rounds.
 */
function geluOf(g: GraphBuilder, x: Value, layer: string, zeroPoints: RowZeroPoints): Value {
  if (isQuantized(g, layer)) return new LinearInput(g, x, zeroPoints).project(layer, { activation: "gelu-tanh" });
  return g.node("Gelu", [linear(g, x, layer, zeroPoints)], { attributes: { approximate: { string: "none" } } });
}

/** The first `count` blocks. */
export function blocks(g: GraphBuilder, x: Value, stack: Stack, count: number): Value {
  let hidden = x;
  for (let i = 0; i < count; i++) hidden = afterAttention(g, hidden, attention(g, hidden, stack, i), stack, i);
  return hidden;
}
