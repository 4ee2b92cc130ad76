import { EvaluationError } from "./error.js";
import type { Features } from "./features.js";

/**
 * The Inception Score (Salimans et al., arXiv 1606.03498): exp of the mean divergence of an image's class
 * probabilities from those of all, in `splits` runs of images one after another; mean and deviation over these.
 */
export function inceptionScore(
  logits: NonNullable<Features["logits"]>,
  splits: number,
): { readonly mean: number; readonly deviation: number } {
  const { width, values } = logits;
  const count = values.length / width;
  if (count < splits) throw new EvaluationError(`An Inception Score of ${splits} parts needs as many images.`);
  const scores = Array.from({ length: splits }, (_, split) => {
    const begin = Math.floor((split * count) / splits);
    const end = Math.floor(((split + 1) * count) / splits);
    return scoreOf(values.subarray(begin * width, end * width), width);
  });
  const mean = scores.reduce((sum, score) => sum + score, 0) / splits;
  const variance = scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / splits;
  return { mean, deviation: Math.sqrt(variance) };
}

function scoreOf(logits: Float32Array, width: number): number {
  const count = logits.length / width;
  const marginal = new Float64Array(width);
  const logP = new Float64Array(width);
  let negativeEntropy = 0;
  for (let row = 0; row < count; row++) {
    logSoftmax(logits.subarray(row * width, (row + 1) * width), logP);
    for (let k = 0; k < width; k++) {
      const p = Math.exp(logP[k]!);
      negativeEntropy += p * logP[k]!;
      marginal[k]! += p / count;
    }
  }
  const marginalEntropy = marginal.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  return Math.exp(negativeEntropy / count + marginalEntropy);
}

function logSoftmax(row: Float32Array, out: Float64Array): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of row) largest = Math.max(largest, value);
  let sum = 0;
  for (const value of row) sum += Math.exp(value - largest);
  const normaliser = largest + Math.log(sum);
  for (let k = 0; k < row.length; k++) out[k] = row[k]! - normaliser;
}
