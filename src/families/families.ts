import type { Family } from "../engine/family.js";
import type { FamilyName } from "../model/family-traits.js";
import { buildDecode } from "../model/graph/decode-graph.js";
import { buildEncode } from "../model/graph/encode-graph.js";
import type { GraphOptions, WeightIndex } from "../model/graph/weights.js";
import { type Architecture, familyName, type GeneratorArchitecture, type GraphName } from "../model/manifest.js";
import { dit } from "./dit/dit.js";
import { mar } from "./mar/mar.js";
import { sit } from "./sit/sit.js";

/** Every family of models that is served. */
export const FAMILIES: Record<FamilyName, Family> = { mar, dit, sit };

/** The family that a model's manifest describes. */
export function familyOf(model: GeneratorArchitecture): Family {
  return FAMILIES[familyName(model)];
}

/**
 * The bytes of a model's `.onnx` files by graph: its family's, and the tokenizer's decoder and encoder. The weights stay where they
 * are. Throws where a graph needs a weight that is not there.
 */
export function buildGraphs(architecture: Architecture, weights: WeightIndex, options: GraphOptions = {}): Graphs {
  const { generator, tokenizer } = architecture;
  const family = familyOf(generator);
  const generating = family.buildGraphs(generator, weights, options);
  const decode = buildDecode(tokenizer, weights, { ...options, rounding: family.pixelRounding });
  const encode = tokenizer.encoder_levels && { encode: buildEncode(tokenizer, weights, options) };
  return { ...generating, decode, ...encode } as Graphs;
}

export type Graphs = Readonly<Partial<Record<GraphName, Uint8Array>>>;
