import type { Sampler, Stage } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { StepRuns } from "../../engine/step-runs.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { DiffusionTransformer } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { unpatchify } from "../../model/sampler/patches.js";
import type { Evaluation } from "./evaluation.js";
import { DiffusionImage } from "./image.js";
import { Predictor } from "./predictor.js";

/** What samples with a diffusion transformer: all images in flight share one evaluation after another. */
export function openSampler<Family extends DiffusionTransformer["family"]>(
  runtime: Runtime,
  model: DiffusionTransformer,
  evaluationsOf: (parameters: FamilyParameters<Family>) => readonly Evaluation[],
): Sampler<DiffusionImage> {
  return {
    admit: (request: ImageRequest<FamilyParameters<Family>>) =>
      new DiffusionImage(request, model, evaluationsOf(request.parameters)),
    stages: [new Predictor(runtime, model), new Denoiser()],
    advance: (image) => image.advance(),
    writeLatents: (image, latents, offset) => unpatchify(image.tokens, model, latents, offset),
  };
}

/** The other part of a step: from the network's output to the next x. */
class Denoiser implements Stage<DiffusionImage> {
  readonly span = "diffusionMs";

  async run(images: readonly DiffusionImage[], runs: StepRuns<DiffusionImage>): Promise<void> {
    for (const image of images) {
      if (!runs.isInFlight(image) || image.sample()) continue;
      const at = `step ${image.step + 1} of ${image.steps}`;
      const message = `The latents stopped being finite numbers in ${at}; a lower guidance_scale usually helps.`;
      runs.fail(image, "not_finite", message);
    }
  }
}
