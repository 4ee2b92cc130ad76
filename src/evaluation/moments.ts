import { EvaluationError } from "./error.js";
import type { Features } from "./features.js";

/** Mean and covariance of features: all that the Fréchet distance needs of a set of images. */
export interface Moments {
  readonly mean: Float64Array; // [width]
  readonly covariance: Float64Array; // [width, width]
}

/**
 * Moments in float64; the covariance divides by n - 1, as NumPy's `cov` does. `counts`: how often each row counts
 * (once if absent). Throws `EvaluationError` below two rows.
 */
export function momentsOf({ count, width, values }: Features, counts?: Uint32Array): Moments {
  const total = counts ? counts.reduce((sum, times) => sum + times, 0) : count;
  if (total < 2) throw new EvaluationError(`A covariance needs at least 2 images, not ${total}.`);
  const mean = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    const times = counts ? counts[row]! : 1;
    for (let j = 0; times > 0 && j < width; j++) mean[j]! += times * values[row * width + j]!;
  }
  for (let j = 0; j < width; j++) mean[j]! /= total;
  const covariance = new Float64Array(width * width);
  const centred = new Float64Array(width);
  for (let row = 0; row < count; row++) {
    const times = counts ? counts[row]! : 1;
    if (times === 0) continue;
    for (let j = 0; j < width; j++) centred[j] = values[row * width + j]! - mean[j]!;
    for (let i = 0; i < width; i++) {
      const factor = times * centred[i]!;
      // Features after a ReLU are often constant.
      if (factor === 0) continue;
      for (let j = i; j < width; j++) covariance[i * width + j]! += factor * centred[j]!;
    }
  }
  for (let i = 0; i < width; i++)
    for (let j = i; j < width; j++) {
      covariance[i * width + j]! /= total - 1;
      covariance[j * width + i] = covariance[i * width + j]!;
    }
  return { mean, covariance };
}
