import type { Family, Sampler, Stage } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { StepRuns } from "../../engine/step-runs.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { CausalArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { KeyValueCache } from "./cache.js";
import { CausalImage } from "./image.js";
import { buildPredict } from "./predict-graph.js";
import { Predictor } from "./predictor.js";

/**
 * Causal transformers that draw one code after another: LlamaGen (Sun et al., arXiv 2406.06525). A step is one token. The keys and
 * values of its earlier positions are kept, so that the network computes one position of each row.
 */
export const causal: Family<CausalArchitecture> = {
  pixelRounding: "down",
  // Two steps with guidance: both rows. A row has the memory of a whole image from its first step.
  warmUpParameters: ({ token_count }) => ({
    class: 0,
    steps: Math.min(2, token_count),
    guidance_scale: 2,
    temperature: 1,
  }),
  buildGraphs: (model, weights, options) => ({ predict: buildPredict(model, weights, options) }),
  open: openSampler,
};

function openSampler(runtime: Runtime, model: CausalArchitecture): Sampler<CausalImage> {
  const cache = new KeyValueCache(model);
  return {
    admit: (request: ImageRequest<FamilyParameters<"causal">>) => new CausalImage(request, model),
    stages: [new Predictor(runtime, model, cache), new CodeSampler()],
    advance: (image) => image.advance(),
    writeLatents: (image, latents, offset) => latents.set(image.codes, offset),
  };
}

/** The other part of a step: from logits to codes. */
class CodeSampler implements Stage<CausalImage> {
  readonly span = "diffusionMs";

  async run(images: readonly CausalImage[], runs: StepRuns<CausalImage>): Promise<void> {
    for (const image of images)
      if (runs.isInFlight(image) && !image.sample())
        runs.fail(
          image,
          "not_finite",
          `The logits are not finite numbers in step ${image.step + 1} of ${image.steps}.`,
        );
  }
}
