import type { Family } from "../engine/family.js";
import type { FamilyName } from "../model/family-traits.js";
import type { PixelRounding } from "../model/graph/pixels.js";
import type { GraphOptions, WeightIndex } from "../model/graph/weights.js";
import {
  type Architecture,
  familyName,
  type GeneratorArchitecture,
  type GraphName,
  makesCodes,
} from "../model/manifest.js";
import { hasEncoder } from "../model/tokenizer-architecture.js";
import { buildConsistency } from "../tokenizers/consistency/consistency.js";
import { tokenizerOf } from "../tokenizers/tokenizers.js";
import { buildDecodeCodes } from "../tokenizers/vq/vq.js";
import { causal } from "./causal/causal.js";
import { dit } from "./dit/dit.js";
import { mar } from "./mar/mar.js";
import { sit } from "./sit/sit.js";

/** Every family of models that is served. */
export const FAMILIES: Record<FamilyName, Family> = { mar, dit, sit, causal };

/** The family that a model's manifest describes. */
export function familyOf(model: GeneratorArchitecture): Family {
  return FAMILIES[familyName(model)];
}

/**
 * The bytes of a model's `.onnx` files by graph: its family's, the tokenizer's decoder and encoder, and the consistency decoder's. The
 * weights stay where they are. Throws where a graph needs a weight that is not there.
 */
export function buildGraphs(architecture: Architecture, weights: WeightIndex, options: GraphOptions = {}): Graphs {
  const { generator } = architecture;
  const generating = familyOf(generator).buildGraphs(generator, weights, options);
  return { ...generating, ...buildTokenizerGraphs(architecture, weights, options) } as Graphs;
}

/** Those between latents and pixels. */
export function buildTokenizerGraphs(architecture: Architecture, weights: WeightIndex, options: GraphOptions): Graphs {
  const { generator, tokenizer, decoder } = architecture;
  const kind = tokenizerOf(tokenizer);
  const decodeOptions = { ...options, rounding: pixelRoundingOf(architecture) };
  const decode =
    makesCodes(generator) && tokenizer.kind === "vq"
      ? buildDecodeCodes(tokenizer, weights, decodeOptions)
      : kind.buildDecode(tokenizer, weights, decodeOptions);
  const encode = hasEncoder(tokenizer) && { encode: kind.buildEncode(tokenizer, weights, options) };
  const consistency = decoder &&
    tokenizer.kind === "kl" && { consistency: buildConsistency(tokenizer, decoder, weights, decodeOptions) };
  return { decode, ...encode, ...consistency } as Graphs;
}

/** How the decoder's output becomes a byte. */
export function pixelRoundingOf({ generator, tokenizer }: Architecture): PixelRounding {
  return tokenizerOf(tokenizer).pixelRounding ?? familyOf(generator).pixelRounding;
}

export type Graphs = Readonly<Partial<Record<GraphName, Uint8Array>>>;
