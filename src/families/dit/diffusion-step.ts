import type { FamilyParameters } from "../../model/family-traits.js";
import type { DitArchitecture } from "../../model/manifest.js";
import type { Evaluation, Moved, MoveInput } from "./evaluation.js";
import type { DiffusionStep } from "./schedule.js";

type Sampler = FamilyParameters<"dit">["sampler"];
type Channels = Pick<DitArchitecture, "token_channels">;

/** The network's evaluations in a diffusion: one a step. */
export function diffusionEvaluations(
  sampler: Sampler,
  schedule: readonly DiffusionStep[],
  model: Channels,
): Evaluation[] {
  return schedule.map((step) => ({
    timestep: step.timestep,
    takesNoise: sampler === "ddpm" && step.noiseFactor !== 0,
    move: (input) => diffusionStep(sampler, step, input, model),
  }));
}

/**
 * From x_t to x_(t-1), each number in float64. ddpm: a draw of p(x_(t-1) | x_t) with the learned variance, nothing clipped
 * (Nichol and Dhariwal, arXiv 2102.09672, eq. 9 to 15); ddim: eta 0 (Song et al., arXiv 2010.02502, eq. 12).
 */
export function diffusionStep(
  sampler: Sampler,
  step: DiffusionStep,
  input: MoveInput,
  { token_channels: C }: Channels,
): Moved {
  const result = { x: new Float32Array(input.x.length), x0: new Float32Array(input.x.length) };
  const next = sampler === "ddim" ? ddim : ddpm;
  for (let i = 0; i < input.x.length; i++) {
    const x = input.x[i]!;
    const eps = input.guided[i]!;
    const variance = input.output[2 * i - (i % C) + C]!; // a token's 2C outputs end with it
    const x0 = step.sqrtRecipAlphaBar * x - step.sqrtRecipAlphaBarMinusOne * eps;
    result.x0[i] = x0;
    result.x[i] = next(step, { x, x0, eps, variance, noise: input.noise[i]! });
  }
  return result;
}

interface Terms {
  readonly x: number;
  readonly x0: number;
  readonly eps: number;
  /** Where the logarithm of the variance lies between its bounds, -1 to 1. */
  readonly variance: number;
  readonly noise: number;
}

function ddpm(step: DiffusionStep, { x, x0, variance, noise }: Terms): number {
  const mean = step.posteriorMeanX0 * x0 + step.posteriorMeanX * x;
  if (step.noiseFactor === 0) return mean;
  const share = (variance + 1) / 2;
  const logVariance = share * step.maxLogVariance + (1 - share) * step.minLogVariance;
  return mean + Math.exp(logVariance / 2) * noise;
}

function ddim({ previousAlphaBar }: DiffusionStep, { x0, eps }: Terms): number {
  return Math.sqrt(previousAlphaBar) * x0 + Math.sqrt(1 - previousAlphaBar) * eps;
}
