import type { GraphBuilder, Value } from "./builder.js";
import { isQuantized, type LinearInput } from "./linear.js";
import { CONTRIB_DOMAIN } from "./onnx.js";
import { concat, reshape } from "./ops.js";

/** The lowest float32: what a padded key's score falls to, so that its exponential is 0. */
const PADDED_SCORE = -3.4028234663852886e38;

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
  const { width, rotate = (x) => x } = shape;
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
  return reshape(g, attend(g, { q, k, v, bias }, shape), g.ints([-1, width]));
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
function attend(g: GraphBuilder, { q, k, v, bias }: Attended, { width, heads, keyCounts }: AttentionShape): Value {
  // An input that is left out has no name; none may be left out at the end.
  const optional = keyCounts ? [bias ?? "", keyCounts] : bias ? [bias] : [];
  const attributes = {
    num_heads: { int: heads },
    scale: { float: (width / heads) ** -0.5 },
    mask_filter_value: { float: PADDED_SCORE },
  };
  return g.node("MultiHeadAttention", [q, k, v, ...optional], { domain: CONTRIB_DOMAIN, attributes });
}
