import type { FamilyParameters } from "../../model/family-traits.js";
import type { DitArchitecture } from "../../model/manifest.js";
import type { DiffusionStep } from "./schedule.js";

/** Guidance combines the eps of these latent channels only, as the published results have it (`forward_with_cfg`). */
const GUIDED_CHANNELS = 3;

type Grid = Pick<DitArchitecture, "token_channels" | "patch_size">;

/** What a step starts from. L tokens of C numbers; a network's output is eps and the variance's interpolation of each. */
export interface StepInput {
  readonly x: Float32Array; // [L, C]
  readonly output: Float32Array; // [L, 2C]
  /** The output's, or what guidance made of them. */
  readonly eps: Float32Array; // [L, C]
  /** Standard normals; the last step and DDIM take none. */
  readonly noise: Float32Array; // [L, C]
}

export interface StepResult {
  readonly x: Float32Array; // [L, C]
  /** The image that the network expects at the end. */
  readonly x0: Float32Array; // [L, C]
}

/**
 * eps of a row, as far as guidance leads away from the row without a class: u + g (c - u). `outputs` are the network's,
 * [L, 2C], with a class and, where there is guidance, without. -> [L, C]
 */
export function guidedEps(
  [conditional, unconditional]: readonly Float32Array[],
  guidance: number,
  { token_channels: C, patch_size }: Grid,
): Float32Array {
  const eps = new Float32Array(conditional!.length / 2);
  const guided = unconditional ? GUIDED_CHANNELS * patch_size ** 2 : 0; // a token's numbers are (c, p, q)
  for (let i = 0; i < eps.length; i++) {
    const at = outputIndex(i, C);
    const own = conditional![at]!;
    eps[i] = i % C < guided ? unconditional![at]! + guidance * (own - unconditional![at]!) : own;
  }
  return eps;
}

/** Where the eps of a number lies in the network's output; its variance lies C further. */
function outputIndex(i: number, C: number): number {
  return 2 * i - (i % C);
}

/**
 * From x_t to x_(t-1), each number in float64. ddpm: a draw of p(x_(t-1) | x_t) with the learned variance, nothing clipped
 * (Nichol and Dhariwal, arXiv 2102.09672, eq. 9 to 15); ddim: eta 0 (Song et al., arXiv 2010.02502, eq. 12).
 */
export function diffusionStep(
  sampler: FamilyParameters<"dit">["sampler"],
  step: DiffusionStep,
  input: StepInput,
  { token_channels: C }: Grid,
): StepResult {
  const result = { x: new Float32Array(input.x.length), x0: new Float32Array(input.x.length) };
  const next = sampler === "ddim" ? ddim : ddpm;
  for (let i = 0; i < input.x.length; i++) {
    const x = input.x[i]!;
    const eps = input.eps[i]!;
    const variance = input.output[outputIndex(i, C) + C]!;
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
