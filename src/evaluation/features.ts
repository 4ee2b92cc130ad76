import { EvaluationError } from "./error.js";

/** A feature network's outputs, one row an image. */
export interface Features {
  readonly count: number;
  readonly width: number;
  readonly values: Float32Array; // [count, width]
  /** Class scores before softmax; absent if the network has no such output. */
  readonly logits?: { readonly width: number; readonly values: Float32Array }; // [count, classes]
}

/** The rows of `features` at `indices`, which may repeat. */
export function selectRows(features: Features, indices: ArrayLike<number>): Features {
  const { width, values, logits } = features;
  return {
    count: indices.length,
    width,
    values: gather(values, width, indices),
    ...(logits && { logits: { width: logits.width, values: gather(logits.values, logits.width, indices) } }),
  };
}

export function firstRows(features: Features, count: number): Features {
  return selectRows(
    features,
    Array.from({ length: Math.min(count, features.count) }, (_, i) => i),
  );
}

function gather(values: Float32Array, width: number, indices: ArrayLike<number>): Float32Array {
  const out = new Float32Array(indices.length * width);
  for (let i = 0; i < indices.length; i++)
    out.set(values.subarray(indices[i]! * width, (indices[i]! + 1) * width), i * width);
  return out;
}

/** Throws `EvaluationError` if a feature is not a finite number: no measure of it would be one. */
export function checkFinite({ values, width }: Features): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new EvaluationError(`The features of image ${Math.floor(i / width)} are not finite numbers.`);
}
