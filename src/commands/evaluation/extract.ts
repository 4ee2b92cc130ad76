import { EvaluationError } from "../../evaluation/error.js";
import type { FeatureNetwork } from "../../evaluation/feature-network.js";
import type { Features } from "../../evaluation/features.js";
import type { PictureSet } from "./picture-set.js";
import { showProgress } from "./progress.js";

/** Large enough to fill the cores, small enough that a step shows. */
const BATCH = 50;

/** What the network says of every picture of the set. Throws `EvaluationError`. */
export async function extractFeatures(
  set: PictureSet,
  network: FeatureNetwork,
  signal: AbortSignal,
): Promise<Features> {
  const progress = showProgress("features", set.count, process.stderr);
  const features: Float32Array[] = [];
  const logits: Float32Array[] = [];
  try {
    for await (const batch of set.batches(BATCH)) {
      signal.throwIfAborted();
      const result = await network.run(batch).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        throw new EvaluationError(`The feature network refuses ${batch.width} x ${batch.height} pixels: ${reason}`);
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
