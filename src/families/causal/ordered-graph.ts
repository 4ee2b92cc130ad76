import { GraphBuilder, type Value } from "../../model/graph/builder.js";
import { LinearInput, RowZeroPoints } from "../../model/graph/linear.js";
import { affineLayerNorm, gather, reshape, toFloat32 } from "../../model/graph/ops.js";
import type { GraphOptions, WeightIndex } from "../../model/graph/weights.js";
import type { OrderedArchitecture } from "../../model/manifest.js";
import { embedTokens, everyClass, INPUT_NORM_EPS, outputOf } from "../heads/tokens.js";
import { afterAttention } from "../mar/transformer.js";
import { attendToCache, cacheInputs } from "./cached-attention.js";

/**
 * `predict` of MAR's causal generators (section 3.4 of arXiv 2406.11838): the next position of each row -> z [rows, D], or logits over
 * the codes. A row's input is its class at position 0, and then the token before, each with an embedding of its own place, `sources`
 * (0: the class; 1 + i: the token at i), and with one of the place of the next token, `targets`. Rows are independent.
 */
export function buildOrdered(a: OrderedArchitecture, weights: WeightIndex, options: GraphOptions): Uint8Array {
  const { width, depth } = a.decoder;
  const g = GraphBuilder.model("predict", weights, options);
  const tokens = g.input("tokens", "float32", ["rows", a.token_channels]);
  const [classes, positions, sources, targets] = (["classes", "positions", "sources", "targets"] as const).map((name) =>
    g.input(name, "int64", ["rows"]),
  ) as [Value, Value, Value, Value];

  const isFirst = g.node("Unsqueeze", [g.node("Equal", [sources, g.int(0)]), g.ints([1])]);
  const content = g.node("Where", [isFirst, gather(g, everyClass(g), classes), embedTokens(g, a, tokens)]);
  const placeOf = (table: string, count: number, index: Value) =>
    gather(g, reshape(g, g.weight(table), g.ints([count, width])), index);
  const placed = g.node("Add", [content, placeOf("decoder_pos_embed_learned", 1 + a.token_count, sources)]);
  const aimed = g.node("Add", [placed, placeOf("target_pos_embed_learned", a.token_count, targets)]);
  let x = affineLayerNorm(g, aimed, "z_proj_ln", INPUT_NORM_EPS);

  const cache = cacheInputs(g, a, positions);
  const zeroPoints = new RowZeroPoints(g, positions);
  const stack = { prefix: "decoder", normEps: a.norm_eps, zeroPoints } as const;
  const expose = (name: string, value: Value) => {
    if (options.expose) g.output(name, toFloat32(g, value), "float32", ["rows", width]);
  };
  expose("input", x);
  for (let i = 0; i < depth; i++) {
    const name = `decoder_blocks.${i}`;
    const rows = new LinearInput(g, affineLayerNorm(g, x, `${name}.norm1`, a.norm_eps), zeroPoints);
    const part = (index: number) =>
      rows.project(`${name}.attn.qkv`, { outputs: { start: index * width, count: width } });
    x = afterAttention(g, x, attendToCache(g, a, [part(0), part(1), part(2)], cache, i), stack, i);
    expose(`block.${i}`, x);
  }
  const output = outputOf(g, a, affineLayerNorm(g, x, "decoder_norm", a.norm_eps), zeroPoints);
  g.output(output.name, toFloat32(g, output.value), "float32", ["rows", output.width]);
  return g.encode();
}
