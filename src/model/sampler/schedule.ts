import type { SamplingParameters } from "../parameters.js";

export interface MaskStep {
  /** Unknown tokens when the step starts. */
  readonly masked: number;
  /** Tokens that the step samples: `order[masked - sampled .. masked)`. */
  readonly sampled: number;
  /**
   * The mask length of the cosine formula, which linear guidance is computed from. The last step samples all that
   * remain, but its formula value is still at least 1, and the reference's guidance uses it.
   */
  readonly maskedAfter: number;
}

/** How many tokens each autoregressive step samples (MaskGIT's cosine schedule, in float64 as in the reference). */
export function maskSchedule(tokenCount: number, steps: number): readonly MaskStep[] {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= tokenCount))
    throw new RangeError(`Steps must be a whole number from 1 to the model's ${tokenCount} tokens, not ${steps}.`);
  const schedule: MaskStep[] = [];
  let masked = tokenCount;
  for (let step = 0; step < steps; step++) {
    const ratio = Math.cos(((Math.PI / 2) * (step + 1)) / steps);
    const maskedAfter = Math.max(1, Math.min(masked - 1, Math.floor(tokenCount * ratio)));
    const sampled = step === steps - 1 ? masked : masked - maskedAfter;
    schedule.push({ masked, sampled, maskedAfter });
    masked -= sampled;
  }
  return schedule;
}

/** Guidance in force in one step, rounded operation by operation to float32 as the reference's tensors are. */
export function guidanceInStep(
  scale: number,
  schedule: SamplingParameters["guidance_schedule"],
  tokenCount: number,
  maskedAfter: number,
): number {
  if (schedule === "constant") return Math.fround(scale);
  const weighted = Math.fround(Math.fround(scale - 1) * (tokenCount - maskedAfter));
  return Math.fround(1 + Math.fround(weighted / tokenCount));
}
