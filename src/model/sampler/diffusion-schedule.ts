import { COEFFICIENTS } from "../../engine/runtime/runtime.js";

export const TRAIN_TIMESTEPS = 1000;
/** Betas stop here (Nichol and Dhariwal, "Improved DDPM", arXiv 2102.09672): the cosine's last one would be 1. */
const MAX_BETA = 0.999;

/** One respaced diffusion, listed in the order it runs: from noisy to clean. */
export interface DiffusionSchedule {
  /** S: at most the diffusion steps asked for, fewer where clamping made timesteps coincide. */
  readonly steps: number;
  /** Original timesteps of 0..999, falling. */
  readonly timesteps: Int32Array; // [S]
  readonly coefficients: Float32Array; // [S, COEFFICIENTS]
}

/** Alpha-bar of the cosine schedule at each of the 1000 training timesteps. */
export function cosineAlphaBars(): Float64Array {
  const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  const alphaBars = new Float64Array(TRAIN_TIMESTEPS);
  let product = 1;
  for (let i = 0; i < TRAIN_TIMESTEPS; i++) {
    const beta = Math.min(1 - alphaBar((i + 1) / TRAIN_TIMESTEPS) / alphaBar(i / TRAIN_TIMESTEPS), MAX_BETA);
    product *= 1 - beta;
    alphaBars[i] = product;
  }
  return alphaBars;
}

/** The timesteps that `diffusionSteps` keep of 1000, rising: an accumulated stride, halves rounded to even. */
export function respacedTimesteps(diffusionSteps: number): number[] {
  if (!(Number.isInteger(diffusionSteps) && diffusionSteps >= 2 && diffusionSteps <= TRAIN_TIMESTEPS))
    throw new RangeError(`Diffusion steps must be a whole number from 2 to ${TRAIN_TIMESTEPS}, not ${diffusionSteps}.`);
  const stride = (TRAIN_TIMESTEPS - 1) / (diffusionSteps - 1);
  const kept = new Set<number>();
  let position = 0;
  for (let i = 0; i < diffusionSteps; i++) {
    kept.add(roundHalfToEven(position));
    position += stride;
  }
  return [...kept];
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const fraction = value - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The timesteps that are sampled, rising: respaced, then clamped to `maxTimestep` without repeats. Two or more always
 * remain: 0 and one that is at least 1.
 */
export function sampledTimesteps(diffusionSteps: number, maxTimestep: number): number[] {
  if (!(Number.isInteger(maxTimestep) && maxTimestep >= 1 && maxTimestep < TRAIN_TIMESTEPS))
    throw new RangeError(`The highest timestep must be a whole number from 1 to 999, not ${maxTimestep}.`);
  return [...new Set(respacedTimesteps(diffusionSteps).map((t) => Math.min(t, maxTimestep)))];
}

/** Tables of one diffusion in float64, rounded once to float32. Betas belong to the kept timesteps alone. */
export function diffusionSchedule(diffusionSteps: number, maxTimestep: number): DiffusionSchedule {
  const kept = sampledTimesteps(diffusionSteps, maxTimestep);
  const { betas, alphaBars } = respacedBetas(kept);
  const width = COEFFICIENTS.length;
  const coefficients = new Float32Array(kept.length * width); // [S, COEFFICIENTS]
  for (let i = 0; i < kept.length; i++) {
    const row = (kept.length - 1 - i) * width;
    const beta = betas[i]!;
    const alphaBar = alphaBars[i]!;
    const previous = i === 0 ? 1 : alphaBars[i - 1]!;
    coefficients[row] = Math.sqrt(1 / alphaBar);
    coefficients[row + 1] = Math.sqrt(1 / alphaBar - 1);
    coefficients[row + 2] = (beta * Math.sqrt(previous)) / (1 - alphaBar);
    coefficients[row + 3] = ((1 - previous) * Math.sqrt(1 - beta)) / (1 - alphaBar);
    // The posterior variance at the first timestep is 0: its logarithm is replaced by that of the second.
    coefficients[row + 4] = Math.log(posteriorVariance(betas, alphaBars, Math.max(i, 1)));
    coefficients[row + 5] = Math.log(beta);
    coefficients[row + 6] = i === 0 ? 0 : 1;
  }
  return { steps: kept.length, timesteps: Int32Array.from(kept).reverse(), coefficients };
}

/** beta_i = 1 - alphaBar_i / alphaBar_(i-1) over the kept timesteps, and the products that follow from them. */
function respacedBetas(kept: readonly number[]): { betas: Float64Array; alphaBars: Float64Array } {
  const trained = cosineAlphaBars();
  const betas = new Float64Array(kept.length);
  const alphaBars = new Float64Array(kept.length);
  let previous = 1;
  let product = 1;
  for (let i = 0; i < kept.length; i++) {
    const alphaBar = trained[kept[i]!]!;
    betas[i] = 1 - alphaBar / previous;
    product *= 1 - betas[i]!;
    alphaBars[i] = product;
    previous = alphaBar;
  }
  return { betas, alphaBars };
}

/** Variance of q(x_(i-1) | x_i, x_0): equation 7 of Ho et al., arXiv 2006.11239. */
function posteriorVariance(betas: Float64Array, alphaBars: Float64Array, i: number): number {
  const previous = i === 0 ? 1 : alphaBars[i - 1]!;
  return (betas[i]! * (1 - previous)) / (1 - alphaBars[i]!);
}
