import type { Stage } from "../../engine/family.js";
import type { StepRuns } from "../../engine/step-runs.js";
import { categoricalWeights, drawCode, guidedLogits } from "../../model/sampler/categorical.js";
import type { HeadImage } from "./head-image.js";

/** The categorical head's part of a step: from the logits of each target to its code. */
export class CodeSampler implements Stage<HeadImage> {
  readonly span = "diffusionMs";

  async run(images: readonly HeadImage[], runs: StepRuns<HeadImage>): Promise<void> {
    for (const image of images)
      if (runs.isInFlight(image) && !sample(image))
        runs.fail(
          image,
          "not_finite",
          `The logits are not finite numbers in step ${image.step + 1} of ${image.steps}.`,
        );
  }
}

/** Draws the codes of an image's targets. Returns whether the logits are finite numbers. */
function sample(image: HeadImage): boolean {
  const { targets, z, zUnconditional, guidance, noise, step, tokens, probabilities } = image;
  const rows = zUnconditional.length > 0 ? [z, zUnconditional] : [z];
  if (!rows.every((logits) => logits.every(Number.isFinite))) return false;
  const codes = z.length / targets.length;
  targets.forEach((position, i) => {
    const logits = rows.map((row) => row.subarray(i * codes, (i + 1) * codes));
    const weights = categoricalWeights(guidedLogits(logits, guidance), image.parameters);
    const code = drawCode(weights, noise.uniform(step, position));
    tokens[position] = code;
    if (probabilities) probabilities[position] = weights[code]! / weights.reduce((sum, weight) => sum + weight, 0);
  });
  return true;
}
