import { EvaluationError } from "../../evaluation/error.js";
import type { FeatureNetwork } from "../../evaluation/feature-network.js";
import type { Features } from "../../evaluation/features.js";
import { momentsOf } from "../../evaluation/moments.js";
import { type Reference, readStatistics } from "../../evaluation/reference.js";
import type { Manifest } from "../../model/manifest.js";
import { showProgress } from "../progress.js";
import { type ImageSet, openImageSet } from "./image-set.js";

/** Large enough to keep the cores busy, small enough that progress shows. */
const BATCH = 50;

/** The network's features of every image in the set. Throws `EvaluationError`. */
export async function extractFeatures(set: ImageSet, network: FeatureNetwork, signal: AbortSignal): Promise<Features> {
  const progress = showProgress("features", set.count, process.stderr);
  const features: Float32Array[] = [];
  const logits: Float32Array[] = [];
  try {
    for await (const batch of set.batches(BATCH)) {
      signal.throwIfAborted();
      const result = await network.run(batch).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new EvaluationError(`The feature network can't take ${batch.width} x ${batch.height} pixels: ${reason}`);
      });
      features.push(result.features.slice());
      if (result.logits) logits.push(result.logits.slice());
      for (let i = 0; i < batch.count; i++) progress.step();
    }
  } finally {
    progress.stop();
  }
  const { count } = set;
  const values = concatenated(features);
  const scores = concatenated(logits);
  return {
    count,
    width: values.length / count,
    values,
    ...(network.hasLogits && { logits: { width: scores.length / count, values: scores } }),
  };
}

function concatenated(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Reads statistics, or extracts the features of images. Throws `EvaluationError`. */
export async function openReference(path: string, network: FeatureNetwork, signal: AbortSignal): Promise<Reference> {
  const statistics = path.endsWith(".npz") ? await readStatistics(path) : undefined;
  if (statistics) return statistics;
  const features = await extractFeatures(await openImageSet(path), network, signal);
  return { moments: momentsOf(features), features };
}

/**
 * Runs the network on one black image, before any is generated: does it take the model's size, and do its features fit the
 * reference? Throws `EvaluationError`.
 */
export async function tryNetwork(
  network: FeatureNetwork,
  { architecture }: Manifest,
  { moments }: Reference,
  referencePath: string,
  signal: AbortSignal,
): Promise<void> {
  const { image_height: height, image_width: width } = architecture.tokenizer;
  const black = { count: 1, height, width, pixels: new Uint8Array(height * width * 3) };
  const batches = async function* () {
    yield black;
  };
  const features = await extractFeatures({ count: 1, batches }, network, signal);
  if (features.width !== moments.mean.length)
    throw new EvaluationError(
      `The network gives ${features.width} features, and ${referencePath} has ${moments.mean.length}.`,
    );
}
