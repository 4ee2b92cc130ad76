import { cosineAlphaBars } from "../../model/sampler/diffusion-schedule.js";

/** Rows of the U-Net's table of timesteps. */
export const TRAIN_TIMESTEPS = 1024;
/** The two steps of the published sampler, from noise to the image. */
const TIMESTEPS = [1008, 512];
/** The standard deviation of the images that the decoder was trained on (Song et al., arXiv 2303.01469). */
const SIGMA_DATA = 0.5;

/** One step: x = signal x0 + noise n, then x0 = skip x + out network(in x). */
export interface ConsistencyStep {
  readonly timestep: number;
  readonly signal: number;
  readonly noise: number;
  readonly skip: number;
  readonly out: number;
  readonly in: number;
}

/** The steps of openai/consistencydecoder, in float64. */
export function consistencySteps(): ConsistencyStep[] {
  const alphaBars = cosineAlphaBars(TRAIN_TIMESTEPS);
  return TIMESTEPS.map((timestep) => {
    const alphaBar = alphaBars[timestep]!;
    const sigmaSquared = 1 / alphaBar - 1;
    const variance = sigmaSquared + SIGMA_DATA ** 2;
    return {
      timestep,
      signal: Math.sqrt(alphaBar),
      noise: Math.sqrt(1 - alphaBar),
      skip: SIGMA_DATA ** 2 / Math.sqrt(alphaBar) / variance,
      out: Math.sqrt(sigmaSquared / variance) * SIGMA_DATA,
      in: 1 / Math.sqrt(alphaBar * variance),
    };
  });
}
