import { EvaluationError } from "./error.js";
import type { Features } from "./features.js";

export interface PrecisionRecall {
  /** Share of the images that lie in the reference's manifold: how many look real. */
  readonly precision: number;
  /** Share of the reference that lies in the images' manifold: how much of the real is covered. */
  readonly recall: number;
}

/**
 * Improved precision and recall (Kynkäänniemi et al., arXiv 1904.06991): a set's manifold is the union of balls around
 * its images, each reaching to the image's k-th nearest neighbour. Time grows with the product of the counts.
 */
export function precisionAndRecall(images: Features, reference: Features, neighbours: number): PrecisionRecall {
  if (images.width !== reference.width)
    throw new EvaluationError(`The images have ${images.width} features and the reference ${reference.width}.`);
  return {
    precision: shareInside(images, reference, squaredRadii(reference, neighbours)),
    recall: shareInside(reference, images, squaredRadii(images, neighbours)),
  };
}

/** The squared distance of each image to its k-th nearest among the others. */
function squaredRadii(set: Features, neighbours: number): Float64Array {
  if (set.count <= neighbours)
    throw new EvaluationError(`${neighbours} neighbours need more than ${neighbours} images, not ${set.count}.`);
  const nearest = new Float64Array(set.count * neighbours).fill(Number.POSITIVE_INFINITY); // rising, row by row
  for (let i = 0; i < set.count; i++)
    for (let j = i + 1; j < set.count; j++) {
      const distance = squaredDistance(
        set,
        i,
        set,
        j,
        Math.max(nearest[(i + 1) * neighbours - 1]!, nearest[(j + 1) * neighbours - 1]!),
      );
      insert(nearest, i * neighbours, neighbours, distance);
      insert(nearest, j * neighbours, neighbours, distance);
    }
  return Float64Array.from({ length: set.count }, (_, i) => nearest[(i + 1) * neighbours - 1]!);
}

/** Keeps the smallest of all distances that were seen, in rising order. */
function insert(nearest: Float64Array, start: number, neighbours: number, distance: number): void {
  let at = start + neighbours - 1;
  if (distance >= nearest[at]!) return;
  for (; at > start && nearest[at - 1]! > distance; at--) nearest[at] = nearest[at - 1]!;
  nearest[at] = distance;
}

function shareInside(points: Features, manifold: Features, squared: Float64Array): number {
  let inside = 0;
  for (let i = 0; i < points.count; i++)
    for (let j = 0; j < manifold.count; j++)
      if (squaredDistance(points, i, manifold, j, squared[j]!) <= squared[j]!) {
        inside++;
        break;
      }
  return inside / points.count;
}

/** Stops once the sum exceeds `limit`; the result is then only a lower bound. */
function squaredDistance(a: Features, i: number, b: Features, j: number, limit: number): number {
  const { width } = a;
  let sum = 0;
  for (let k = 0; k < width; ) {
    const end = Math.min(k + 16, width);
    for (; k < end; k++) sum += (a.values[i * width + k]! - b.values[j * width + k]!) ** 2;
    if (sum > limit) return sum;
  }
  return sum;
}
