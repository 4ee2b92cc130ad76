import type { GraphBuilder, Value } from "../../model/graph/builder.js";
import { linear, RowZeroPoints } from "../../model/graph/linear.js";
import { ELEMENT_TYPES } from "../../model/graph/onnx.js";
import { concat, gather, toWeightType } from "../../model/graph/ops.js";
import type { AnyMarArchitecture, OrderedArchitecture } from "../../model/manifest.js";
import { OUTPUT } from "./head-image.js";

/** The generators of MAR's paper: masked or causal, with either head. */
type PaperGenerator = AnyMarArchitecture | OrderedArchitecture;

/** Epsilon of `z_proj_ln`, which the reference states apart from the blocks' own. */
export const INPUT_NORM_EPS = 1e-6;

/** What the transformer sees of tokens, [rows, C], or of the numbers of codes, [rows, 1]: float32 -> [rows, width] */
export function embedTokens(g: GraphBuilder, a: PaperGenerator, tokens: Value): Value {
  if (a.head_kind === "diffusion") return linear(g, toWeightType(g, tokens), "z_proj", new RowZeroPoints(g, tokens));
  const codes = g.node("Squeeze", [tokens, g.ints([1])]);
  const indices = g.node("Cast", [codes], { attributes: { to: { int: ELEMENT_TYPES.int64 } } });
  return gather(g, g.weight("z_proj.weight"), indices);
}

/** The embedding of each class, then that of no class. -> [classes + 1, width] */
export function everyClass(g: GraphBuilder): Value {
  return concat(g, [g.weight("class_emb.weight"), g.weight("fake_latent")], 0);
}

/** What `predict` outputs of z, [rows, D]: itself, or logits over the codes, [rows, codes]. */
export function outputOf(g: GraphBuilder, a: PaperGenerator, z: Value, zeroPoints: RowZeroPoints) {
  const name = OUTPUT[a.head_kind];
  if (a.head_kind === "diffusion") return { name, value: z, width: a.decoder.width };
  return { name, value: linear(g, z, "diffloss.logits", zeroPoints), width: a.codes };
}
