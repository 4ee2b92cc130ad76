import type { Family } from "../engine/family.js";
import { buildDecode } from "../model/graph/decode-graph.js";
import { buildEncode } from "../model/graph/encode-graph.js";
import type { GraphOptions, WeightIndex } from "../model/graph/weights.js";
import type { Architecture, GENERATING_GRAPHS, GeneratorArchitecture } from "../model/manifest.js";
import { mar } from "./mar/mar.js";

/** Every family of models that is served. */
export const FAMILIES: Family[] = [mar];

/** The family that a model's manifest describes. */
export function familyOf(model: GeneratorArchitecture): Family {
  const family = FAMILIES.find((candidate) => candidate.generates(model));
  if (!family) throw new Error("No family of models generates with this architecture.");
  return family;
}

/**
 * The bytes of a model's `.onnx` files by graph: its family's, and the tokenizer's decoder and encoder. The weights stay where they
 * are. Throws where a graph needs a weight that is not there.
 */
export function buildGraphs(architecture: Architecture, weights: WeightIndex, options: GraphOptions = {}): Graphs {
  const { generator, tokenizer } = architecture;
  const generating = familyOf(generator).buildGraphs(generator, weights, options);
  const decode = buildDecode(tokenizer, weights, options);
  const encode = tokenizer.encoder_levels && { encode: buildEncode(tokenizer, weights, options) };
  return { ...generating, decode, ...encode } as Graphs;
}

export type Graphs = Readonly<Record<(typeof GENERATING_GRAPHS)[number], Uint8Array> & { encode?: Uint8Array }>;
