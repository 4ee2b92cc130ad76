export const TRAIN_TIMESTEPS = 1000;
/** Betas stop here (Nichol and Dhariwal, "Improved DDPM", arXiv 2102.09672): the cosine's last one would be 1. */
const MAX_BETA = 0.999;
/** Longest period of the timestep sinusoids. */
const MAX_PERIOD = 10_000;

/** Columns of a schedule's coefficient table: one row holds what one diffusion step takes. */
export const COEFFICIENTS = [
  "sqrtRecipAlphaBar",
  "sqrtRecipAlphaBarMinusOne",
  "posteriorMeanX0",
  "posteriorMeanX",
  "minLogVariance",
  "maxLogVariance",
  "noiseFactor", // 0 at t = 0, else 1
] as const;
export type Coefficient = (typeof COEFFICIENTS)[number];

/** One respaced diffusion, listed in the order it runs: from noisy to clean. */
export interface DiffusionSchedule {
  /** S: at most the diffusion steps asked for, fewer where clamping made timesteps coincide. */
  readonly steps: number;
  /** Original timesteps of 0..999, falling. */
  readonly timesteps: Int32Array; // [S]
  readonly coefficients: Float32Array; // [S, COEFFICIENTS]
}

/** Alpha-bar of the cosine schedule at each training timestep. */
export function cosineAlphaBars(timesteps = TRAIN_TIMESTEPS): Float64Array {
  const alphaBar = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  const alphaBars = new Float64Array(timesteps);
  let product = 1;
  for (let i = 0; i < timesteps; i++) {
    const beta = Math.min(1 - alphaBar((i + 1) / timesteps) / alphaBar(i / timesteps), MAX_BETA);
    product *= 1 - beta;
    alphaBars[i] = product;
  }
  return alphaBars;
}

/** The timesteps that `diffusionSteps` keep of 1000, or of fewer, rising: an accumulated stride, halves rounded to even. */
export function respacedTimesteps(diffusionSteps: number, of = TRAIN_TIMESTEPS): number[] {
  if (!(Number.isInteger(diffusionSteps) && diffusionSteps >= 2 && diffusionSteps <= of))
    throw new RangeError(`Diffusion steps must be a whole number from 2 to ${of}, not ${diffusionSteps}.`);
  const stride = (of - 1) / (diffusionSteps - 1);
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
  const { betas, alphaBars } = respacedBetas(kept, cosineAlphaBars());
  const width = COEFFICIENTS.length;
  const coefficients = new Float32Array(kept.length * width); // [S, COEFFICIENTS]
  for (let i = 0; i < kept.length; i++) {
    const row = stepCoefficients(betas, alphaBars, i);
    const start = (kept.length - 1 - i) * width;
    COEFFICIENTS.forEach((name, column) => {
      coefficients[start + column] = row[name];
    });
  }
  return { steps: kept.length, timesteps: Int32Array.from(kept).reverse(), coefficients };
}

/** The coefficients of the step from x_i to x_(i-1), in float64. */
export function stepCoefficients(betas: Float64Array, alphaBars: Float64Array, i: number): Record<Coefficient, number> {
  const beta = betas[i]!;
  const alphaBar = alphaBars[i]!;
  const previous = i === 0 ? 1 : alphaBars[i - 1]!;
  return {
    sqrtRecipAlphaBar: Math.sqrt(1 / alphaBar),
    sqrtRecipAlphaBarMinusOne: Math.sqrt(1 / alphaBar - 1),
    posteriorMeanX0: (beta * Math.sqrt(previous)) / (1 - alphaBar),
    posteriorMeanX: ((1 - previous) * Math.sqrt(1 - beta)) / (1 - alphaBar),
    // The posterior variance at the first timestep is 0: its logarithm is replaced by that of the second.
    minLogVariance: Math.log(posteriorVariance(betas, alphaBars, Math.max(i, 1))),
    maxLogVariance: Math.log(beta),
    noiseFactor: i === 0 ? 0 : 1,
  };
}

/** beta_i = 1 - alphaBar_i / alphaBar_(i-1) over the kept timesteps of `trained`, and the products that follow from them. */
export function respacedBetas(
  kept: readonly number[],
  trained: Float64Array,
): { betas: Float64Array; alphaBars: Float64Array } {
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

/**
 * Sinusoids of original timesteps: cosines, then sines, then a zero where `channels` is odd. Rounded to float32 after
 * each operation as the reference does: at t = 999 the rounding of a frequency is multiplied by a thousand.
 */
export function timestepFrequencies(timesteps: ArrayLike<number>, channels: number): Float32Array {
  const half = Math.floor(channels / 2);
  const exponent = Math.fround(-Math.log(MAX_PERIOD));
  const frequencies = new Float32Array(half);
  for (let i = 0; i < half; i++) frequencies[i] = Math.exp(Math.fround(Math.fround(exponent * i) / half));
  const sinusoids = new Float32Array(timesteps.length * channels); // [S, F]
  for (let step = 0; step < timesteps.length; step++) {
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(timesteps[step]! * frequencies[i]!);
      sinusoids[step * channels + i] = Math.cos(angle);
      sinusoids[step * channels + half + i] = Math.sin(angle);
    }
  }
  return sinusoids;
}

/** A diffusion schedule with the timestep sinusoids of one model. */
export interface ModelDiffusionSchedule extends DiffusionSchedule {
  readonly frequencies: Float32Array; // [S, F]
}

/** One model's diffusion schedules by (diffusion steps, highest timestep); the least recently used is dropped. */
export class DiffusionSchedules {
  readonly #cached = new Map<string, ModelDiffusionSchedule>();

  /** `limit`: schedules kept; one of 1000 steps and 256 sinusoids is about 1 MB. */
  constructor(
    readonly frequencyChannels: number,
    readonly limit = 64,
  ) {}

  /** The same object for the same arguments while it is cached, so callers may group rows by identity. */
  get(diffusionSteps: number, maxTimestep: number): ModelDiffusionSchedule {
    const key = `${diffusionSteps}/${maxTimestep}`;
    let schedule = this.#cached.get(key);
    if (schedule) {
      this.#cached.delete(key);
    } else {
      const tables = diffusionSchedule(diffusionSteps, maxTimestep);
      schedule = { ...tables, frequencies: timestepFrequencies(tables.timesteps, this.frequencyChannels) };
      if (this.#cached.size >= this.limit) this.#cached.delete(this.#cached.keys().next().value as string);
    }
    this.#cached.set(key, schedule);
    return schedule;
  }
}
