import type { Family, Sampler, Stage } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { StepRuns } from "../../engine/step-runs.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { DitArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { unpatchify } from "../../model/sampler/patches.js";
import { DitImage } from "./image.js";
import { buildPredict } from "./predict-graph.js";
import { Predictor } from "./predictor.js";

/**
 * Diffusion transformers: Peebles and Xie, "Scalable Diffusion Models with Transformers", arXiv 2212.09748. A step is one
 * diffusion step of the whole image.
 */
export const dit: Family<DitArchitecture> = {
  pixelRounding: "down",
  // Two steps with guidance: both rows.
  warmUpParameters: () => ({ class: 0, steps: 2, guidance_scale: 2, sampler: "ddpm" }),
  buildGraphs: (model, weights, options) => ({ predict: buildPredict(model, weights, options) }),
  buildWebgpuGraphs: (model, weights) => ({ predict: buildPredict(model, weights, { webgpu: true }) }),
  open: openSampler,
};

function openSampler(runtime: Runtime, model: DitArchitecture): Sampler<DitImage> {
  return {
    admit: (request: ImageRequest<FamilyParameters<"dit">>) => new DitImage(request, model),
    stages: [new Predictor(runtime, model), new Denoiser()],
    advance: (image) => image.advance(),
    writeLatents: (image, latents, offset) => unpatchify(image.tokens, model, latents, offset),
  };
}

/** The other part of a step: from the network's output to the next x. */
class Denoiser implements Stage<DitImage> {
  readonly span = "diffusionMs";

  async run(images: readonly DitImage[], runs: StepRuns<DitImage>): Promise<void> {
    for (const image of images) {
      if (!runs.isInFlight(image) || image.sample()) continue;
      const at = `step ${image.step + 1} of ${image.steps}`;
      const message = `The latents stopped being finite numbers in ${at}; a lower guidance_scale usually helps.`;
      runs.fail(image, "not_finite", message);
    }
  }
}
