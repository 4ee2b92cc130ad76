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

/**
 * How many tokens each autoregressive step samples: MaskGIT's cosine schedule, in float64 as in the reference, or two
 * stages where `reconstructionSteps` is not 0.
 */
export function maskSchedule(tokenCount: number, steps: number, reconstructionSteps = 0): readonly MaskStep[] {
  if (!(Number.isInteger(steps) && steps >= 1 && steps <= tokenCount))
    throw new RangeError(`Steps must be a whole number from 1 to the model's ${tokenCount} tokens, not ${steps}.`);
  return reconstructionSteps > 0 && steps > 1
    ? twoStages(tokenCount, steps, reconstructionSteps)
    : cosine(tokenCount, steps);
}

function cosine(tokenCount: number, steps: number): MaskStep[] {
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

/** The first quarter of the tokens gets 24 of the paper's 30 steps for the first half. */
const FIRST_QUARTER_SHARE = 24 / 30;

/**
 * A careful first half and a quick second one (GtR, arXiv 2510.17171): of 256 tokens in 32 steps, 2 of them for the
 * second half, 64 are sampled in 24 steps, 64 in 6 and 128 in 2; within each part evenly.
 */
function twoStages(tokenCount: number, steps: number, reconstructionSteps: number): MaskStep[] {
  const half = Math.ceil(tokenCount / 2);
  const late = clamp(reconstructionSteps, Math.max(1, steps - half), Math.min(tokenCount - half, steps - 1));
  const early = steps - late;
  const quarter = Math.round(half / 2);
  const first =
    early === 1
      ? 0
      : clamp(
          Math.round(early * FIRST_QUARTER_SHARE),
          Math.max(1, early - (half - quarter)),
          Math.min(quarter, early - 1),
        );
  const parts = [
    { tokens: first === 0 ? 0 : quarter, steps: first },
    { tokens: first === 0 ? half : half - quarter, steps: early - first },
    { tokens: tokenCount - half, steps: late },
  ];
  const schedule: MaskStep[] = [];
  let masked = tokenCount;
  for (const part of parts)
    for (let step = 0; step < part.steps; step++) {
      const sampled = share(part.tokens, step + 1, part.steps) - share(part.tokens, step, part.steps);
      schedule.push({ masked, sampled, maskedAfter: Math.max(1, masked - sampled) });
      masked -= sampled;
    }
  return schedule;
}

const clamp = (value: number, least: number, most: number) => Math.max(least, Math.min(most, value));
const share = (tokens: number, step: number, steps: number) => Math.floor((tokens * step) / steps);
