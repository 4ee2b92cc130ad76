import type { Family, Sampler } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { AnyCausalArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { unpatchify } from "../../model/sampler/patches.js";
import { buildDenoise } from "../heads/denoise-graph.js";
import { openHead } from "../heads/head.js";
import { KeyValueCache } from "./cache.js";
import { CausalImage } from "./image.js";
import { buildLlamagen } from "./llamagen-graph.js";
import { buildOrdered } from "./ordered-graph.js";
import { Predictor } from "./predictor.js";

/**
 * Causal transformers that sample one token after another: LlamaGen (Sun et al., arXiv 2406.06525), and the causal generators of MAR's
 * paper (Li et al., arXiv 2406.11838). A step is one token. The keys and values of its earlier positions are kept, so that the network
 * computes one position of each row.
 */
export const causal: Family<AnyCausalArchitecture> = {
  pixelRounding: "down",
  // Two steps with guidance: both rows. A row has the memory of a whole image from its first step.
  warmUpParameters: ({ token_count, head_kind }) => ({
    class: 0,
    steps: Math.min(2, token_count),
    guidance_scale: 2,
    temperature: 1,
    ...(head_kind === "diffusion" && { diffusion_steps: 2, max_timestep: 1 }),
  }),
  buildGraphs: (model, weights, options) => {
    // A step has few rows: ONNX Runtime's operators take less time than ours (docs/performance.md).
    const predicting = { ...options, kernels: false };
    return {
      predict: "order" in model ? buildOrdered(model, weights, predicting) : buildLlamagen(model, weights, predicting),
      ...(model.head_kind === "diffusion" && { denoise: buildDenoise(model, weights, options) }),
    };
  },
  open: openSampler,
};

function openSampler(runtime: Runtime, model: AnyCausalArchitecture): Sampler<CausalImage> {
  return {
    admit: (request: ImageRequest<FamilyParameters<"causal">>) => new CausalImage(request, model),
    stages: [new Predictor(runtime, new KeyValueCache(model)), openHead(runtime, model)],
    advance: (image) => image.advance(),
    writeLatents: (image, latents, offset) => unpatchify(image.tokens, model, latents, offset),
  };
}
