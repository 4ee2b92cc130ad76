import { EvaluationError } from "../../evaluation/error.js";
import type { FeatureNetwork } from "../../evaluation/feature-network.js";
import type { Reference } from "../../evaluation/reference.js";
import type { Manifest } from "../../model/manifest.js";
import { extractFeatures } from "./extract.js";

/** Whether the network takes the model's pictures and fits the reference, known from a black one before any is made. Throws `EvaluationError`. */
export async function tryNetwork(
  network: FeatureNetwork,
  { architecture }: Manifest,
  { moments }: Reference,
  referencePath: string,
  signal: AbortSignal,
): Promise<void> {
  const { image_height: height, image_width: width } = architecture.tokenizer;
  const black = { count: 1, height, width, pixels: new Uint8Array(height * width * 3) };
  const blacks = async function* () {
    yield black;
  };
  const features = await extractFeatures({ count: 1, batches: blacks }, network, signal);
  if (features.width !== moments.mean.length)
    throw new EvaluationError(
      `The network gives ${features.width} features, and ${referencePath} has ${moments.mean.length}.`,
    );
}
