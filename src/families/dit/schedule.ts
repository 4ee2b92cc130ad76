import {
  type Coefficient,
  respacedBetas,
  respacedTimesteps,
  stepCoefficients,
  TRAIN_TIMESTEPS,
} from "../../model/sampler/diffusion-schedule.js";

/** Betas of the training's linear schedule. */
const FIRST_BETA = 1e-4;
const LAST_BETA = 0.02;

/** What one diffusion step takes, in float64. */
export interface DiffusionStep extends Readonly<Record<Coefficient, number>> {
  /** Of 0..999: what the network is told. */
  readonly timestep: number;
  /** Product of the kept alphas before this timestep; 1 in the last step. */
  readonly previousAlphaBar: number;
}

/** The diffusion of `steps` evenly spread timesteps, from noisy to clean. */
export function ditSchedule(steps: number): DiffusionStep[] {
  return scheduleOf(respacedTimesteps(steps));
}

/** The diffusion over these timesteps, which rise. */
export function scheduleOf(kept: readonly number[]): DiffusionStep[] {
  const { betas, alphaBars } = respacedBetas(kept, linearAlphaBars());
  const rising = kept.map((timestep, i) => ({
    ...stepCoefficients(betas, alphaBars, i),
    timestep,
    previousAlphaBar: i === 0 ? 1 : alphaBars[i - 1]!,
  }));
  return rising.reverse();
}

/** Alpha-bar of the linear schedule at each of the 1000 training timesteps. */
function linearAlphaBars(): Float64Array {
  const alphaBars = new Float64Array(TRAIN_TIMESTEPS);
  const last = TRAIN_TIMESTEPS - 1;
  const stride = (LAST_BETA - FIRST_BETA) / last;
  let product = 1;
  for (let t = 0; t <= last; t++) {
    product *= 1 - (t === last ? LAST_BETA : FIRST_BETA + t * stride);
    alphaBars[t] = product;
  }
  return alphaBars;
}
