import Type, { type Static } from "typebox";
import { type Interval, normalInterval, resampleCounts } from "./bootstrap.js";
import { EvaluationError } from "./error.js";
import { checkFinite, type Features, firstRows } from "./features.js";
import { FrechetDistance } from "./frechet.js";
import { inceptionScore } from "./inception-score.js";
import { momentsOf } from "./moments.js";
import { precisionAndRecall } from "./precision-recall.js";
import type { Reference } from "./reference.js";

export interface MeasureOptions {
  /** Resamples of the intervals; 0 for none. */
  readonly resamples: number;
  /** How many classes take turns in the images; 1 if unknown. */
  readonly classes: number;
  /** k of precision and recall. */
  readonly neighbours: number;
  /** How many images of each set precision and recall use, the first ones: their time grows with the square. */
  readonly manifoldImages: number;
  /** Called after each resample. */
  readonly onResample?: (done: number) => void;
}

/** Parts of the Inception Score; 10 is customary. */
const SPLITS = 10;

/** A set of images measured against a reference. */
export const Measures = Type.Object({
  images: Type.Integer({ minimum: 1 }),
  frechet_distance: Type.Number(),
  /** 95 % interval of the Fréchet distance: low, high. */
  frechet_interval: Type.Optional(Type.Tuple([Type.Number(), Type.Number()])),
  inception_score: Type.Optional(Type.Number()),
  inception_score_deviation: Type.Optional(Type.Number()),
  precision: Type.Optional(Type.Number()),
  recall: Type.Optional(Type.Number()),
});
export type Measures = Static<typeof Measures>;

/** Measures features against a reference. Throws `EvaluationError` if they can't be compared. */
export function measure(features: Features, reference: Reference, options: MeasureOptions): Measures {
  checkFinite(features);
  const distance = new FrechetDistance(reference.moments);
  const value = distance.from(momentsOf(features));
  const interval = frechetInterval(features, distance, value, options);
  const { logits } = features;
  const score = logits && features.count >= SPLITS ? inceptionScore(logits, SPLITS) : undefined;
  const most = options.manifoldImages;
  const manifold =
    reference.features && most > 0 && Math.min(features.count, reference.features.count) > options.neighbours
      ? precisionAndRecall(firstRows(features, most), firstRows(reference.features, most), options.neighbours)
      : undefined;
  return {
    images: features.count,
    frechet_distance: value,
    ...(interval && { frechet_interval: [interval.low, interval.high] as [number, number] }),
    ...(score && { inception_score: score.mean, inception_score_deviation: score.deviation }),
    ...manifold,
  };
}

function frechetInterval(
  features: Features,
  distance: FrechetDistance,
  value: number,
  { resamples, classes, onResample }: MeasureOptions,
): Interval | undefined {
  if (resamples < 2) return undefined;
  const values = Array.from({ length: resamples }, (_, resample) => {
    const one = distance.from(momentsOf(features, resampleCounts(features.count, resample, classes)));
    onResample?.(resample + 1);
    return one;
  });
  return normalInterval(value, values);
}

/**
 * How much larger the Fréchet distance of `features` is than that of `baseline`, with its interval. Image i of both has
 * the same seed and class, and a resample draws it for both or for neither.
 */
export function compare(
  features: Features,
  baseline: Features,
  reference: Reference,
  { resamples, classes, onResample }: Pick<MeasureOptions, "resamples" | "classes" | "onResample">,
): { readonly difference: Interval; readonly baseline: number } {
  if (features.count !== baseline.count)
    throw new EvaluationError(
      `${features.count} images can't be compared with ${baseline.count}: the comparison is by pairs.`,
    );
  const distance = new FrechetDistance(reference.moments);
  const difference = (counts?: Uint32Array) =>
    distance.from(momentsOf(features, counts)) - distance.from(momentsOf(baseline, counts));
  const values = Array.from({ length: Math.max(2, resamples) }, (_, resample) => {
    const one = difference(resampleCounts(features.count, resample, classes));
    onResample?.(resample + 1);
    return one;
  });
  return { difference: normalInterval(difference(), values), baseline: distance.from(momentsOf(baseline)) };
}
