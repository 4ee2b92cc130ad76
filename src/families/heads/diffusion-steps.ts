import type { SamplingParameters } from "../../model/parameters.js";
import type { HeadImage } from "./head-image.js";

/** What an image of a model with a diffusion head is sampled with. */
export type DiffusionParameters = SamplingParameters &
  Required<Pick<SamplingParameters, "diffusion_steps" | "max_timestep">>;

/**
 * Diffusion steps per token in one autoregressive step, from 0: linear from `diffusion_steps` in the first step to
 * `diffusion_steps_final` in the last, rounded towards the latter. Zhao et al., "DiSA: Diffusion Step Annealing in
 * Autoregressive Image Generation", arXiv 2505.20297; computed in the order of operations of the authors' code.
 */
export function diffusionStepsInStep(
  {
    steps,
    diffusion_steps: first,
    diffusion_steps_final: last = first,
  }: Pick<DiffusionParameters, "steps" | "diffusion_steps" | "diffusion_steps_final">,
  step: number,
): number {
  if (steps === 1) return first;
  return last + Math.trunc(((steps - 1 - step) / (steps - 1)) * (first - last));
}

/** The diffusion of an image's present step: images with the same share its runs. */
export function diffusionOf({ parameters, step, steps }: Pick<HeadImage, "parameters" | "step" | "steps">) {
  // checkParameters makes sure that an image of a model with a diffusion head has these.
  const asked = parameters as DiffusionParameters;
  return { diffusionSteps: diffusionStepsInStep({ ...asked, steps }, step), maxTimestep: asked.max_timestep };
}
