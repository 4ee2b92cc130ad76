import type { Architecture } from "../manifest.js";
import { buildDecode } from "./decode-graph.js";
import { buildDenoise } from "./denoise-graph.js";
import { buildPredict } from "./predict-graph.js";
import type { GraphOptions, WeightIndex } from "./weights.js";

/** The bytes of a model's three `.onnx` files. */
export interface Graphs {
  readonly predict: Uint8Array;
  readonly denoise: Uint8Array;
  readonly decode: Uint8Array;
}

/** Builds a model's graphs over weights that stay where they are. Throws where the graphs need a weight that is not there. */
export function buildGraphs(architecture: Architecture, weights: WeightIndex, options: GraphOptions = {}): Graphs {
  return {
    predict: buildPredict(architecture.generator, weights, options),
    denoise: buildDenoise(architecture.generator, weights, options),
    decode: buildDecode(architecture.tokenizer, weights, options),
  };
}
