import { philox4x32 } from "../model/sampler/philox.js";

/** An estimate with its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const NORMAL_975 = 1.959964;

/**
 * How often each of `count` images is drawn in one resample with replacement. Where `classes` take turns, image i
 * is replaced by one of its class, so that resamples are as balanced as the set. Sets of one size get the same draws, so
 * that a comparison keeps its pairs.
 */
export function resampleCounts(count: number, resample: number, classes = 1): Uint32Array {
  const counts = new Uint32Array(count);
  const words = new Uint32Array(4);
  for (let drawn = 0; drawn < count; drawn += 4) {
    philox4x32(drawn / 4, resample, 0, 0, 0, 0, words);
    for (let k = 0; k < 4 && drawn + k < count; k++) {
      const stratum = (drawn + k) % classes;
      const size = Math.ceil((count - stratum) / classes);
      counts[Math.floor((words[k]! / 2 ** 32) * size) * classes + stratum]!++;
    }
  }
  return counts;
}

/**
 * The estimate plus or minus 1.96 standard deviations of its resamples. Percentiles would be biased: a resample holds
 * fewer distinct images, which raises a Fréchet distance.
 */
export function normalInterval(value: number, resamples: readonly number[]): Interval {
  const mean = resamples.reduce((sum, one) => sum + one, 0) / resamples.length;
  const variance = resamples.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (resamples.length - 1);
  const half = NORMAL_975 * Math.sqrt(variance);
  return { value, low: value - half, high: value + half };
}
