import type { FeatureNetwork } from "../../evaluation/feature-network.js";
import { momentsOf } from "../../evaluation/moments.js";
import { type Reference, readStatistics } from "../../evaluation/reference.js";
import { extractFeatures } from "./extract.js";
import { openPictureSet } from "./picture-set.js";

/** What pictures are measured against: statistics, or pictures that the network looks at first. Throws `EvaluationError`. */
export async function openReference(path: string, network: FeatureNetwork, signal: AbortSignal): Promise<Reference> {
  const statistics = path.endsWith(".npz") ? await readStatistics(path) : undefined;
  if (statistics) return statistics;
  const features = await extractFeatures(await openPictureSet(path), network, signal);
  return { moments: momentsOf(features), features };
}
