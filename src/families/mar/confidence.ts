import { gumbel } from "../../model/sampler/categorical.js";
import type { HeadImage } from "../heads/head-image.js";

/** Gumbel noise of MaskGIT's published sampler at the first step. */
const NOISE = 4.5;

/**
 * Orders the present step's targets by how likely their codes were, so that the `kept` ones that stay come last; each part by position.
 * MaskGIT (arXiv 2202.04200), as in gen_img_uncond.py of LTH14/mage: log p plus Gumbel noise, times the share of steps that are left.
 */
export function likeliestLast(
  { targets, probabilities, noise, parameters, step, steps }: HeadImage,
  kept: number,
): void {
  const { confidence_noise = NOISE } = parameters;
  const scale = confidence_noise * (1 - (step + 1) / steps);
  const confidence = new Map<number, number>();
  for (const position of targets) {
    const draw = scale === 0 ? 0 : scale * gumbel(noise.uniform(step, position, "confidence"));
    confidence.set(position, Math.log(probabilities![position]!) + draw);
  }
  targets.sort((a, b) => confidence.get(a)! - confidence.get(b)! || a - b);
  targets.subarray(0, targets.length - kept).sort();
  targets.subarray(targets.length - kept).sort();
}
