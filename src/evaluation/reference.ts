import { EvaluationError } from "./error.js";
import { type Features, firstRows } from "./features.js";
import { type Moments, momentsOf } from "./moments.js";
import type { NpyArray } from "./npy.js";
import { NpzFile, writeNpz } from "./npz.js";

/** The statistics that images are measured against. */
export interface Reference {
  readonly moments: Moments;
  /** Needed for precision and recall. */
  readonly features?: Features;
}

/**
 * Reads statistics from an `.npz` of a published protocol (ADM's, torch-fidelity's, pytorch-fid's): `mu` [D] and `sigma`
 * [D, D]; ours hold `features` [N, D] as well. Undefined if the file holds images.
 * Throws `EvaluationError`.
 */
export async function readStatistics(path: string): Promise<Reference | undefined> {
  const file = await NpzFile.open(path);
  try {
    if (!file.has("mu") && file.has("arr_0")) return undefined;
    const mean = numbers(await file.array("mu"), path);
    const covariance = numbers(await file.array("sigma"), path);
    if (covariance.length !== mean.length ** 2)
      throw new EvaluationError(`${path}: sigma has ${covariance.length} numbers and mu ${mean.length}.`);
    const features = file.has("features") ? asFeatures(await file.array("features"), path) : undefined;
    if (features && features.width !== mean.length)
      throw new EvaluationError(`${path}: its features are ${features.width} wide and mu ${mean.length}.`);
    return { moments: { mean, covariance }, ...(features && { features }) };
  } finally {
    file.close();
  }
}

/** Writes statistics that `readStatistics` and the published evaluators read, with the first `kept` rows of features. */
export async function writeStatistics(path: string, features: Features, kept: number): Promise<void> {
  const { mean, covariance } = momentsOf(features);
  const { count, width, values } = firstRows(features, kept);
  await writeNpz(path, {
    mu: { shape: [features.width], data: mean },
    sigma: { shape: [features.width, features.width], data: covariance },
    features: { shape: [count, width], data: values },
  });
}

/** Features that an evaluation keeps, to be compared with those of another. */
export async function writeFeatures(path: string, { count, width, values, logits }: Features): Promise<void> {
  await writeNpz(path, {
    features: { shape: [count, width], data: values },
    ...(logits && { logits: { shape: [count, logits.width], data: logits.values } }),
  });
}

export async function readFeatures(path: string): Promise<Features> {
  const file = await NpzFile.open(path);
  try {
    const features = asFeatures(await file.array("features"), path);
    const logits = file.has("logits") ? asFeatures(await file.array("logits"), path) : undefined;
    return { ...features, ...(logits && { logits: { width: logits.width, values: logits.values } }) };
  } finally {
    file.close();
  }
}

/** The shape of the features that `readFeatures` would read. */
export async function featuresShape(path: string): Promise<[count: number, width: number]> {
  const file = await NpzFile.open(path);
  try {
    const { shape, type } = await file.header("features");
    return checkedShape(shape, type === "<f4", path);
  } finally {
    file.close();
  }
}

function asFeatures({ shape, data }: NpyArray, path: string): Features {
  const [count, width] = checkedShape(shape, data instanceof Float32Array, path);
  return { count, width, values: data as Float32Array };
}

function checkedShape(shape: readonly number[], isFloat32: boolean, path: string): [count: number, width: number] {
  if (shape.length !== 2 || !isFloat32)
    throw new EvaluationError(`${path}: features must be float32 numbers [images, features].`);
  return [shape[0]!, shape[1]!];
}

function numbers({ data }: NpyArray, path: string): Float64Array {
  if (data instanceof Float64Array) return data;
  if (data instanceof Float32Array) return Float64Array.from(data);
  throw new EvaluationError(`${path}: mu and sigma must be floating-point numbers.`);
}
