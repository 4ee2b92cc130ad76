import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Config, loadConfig } from "../../config.js";
import { EvaluationError } from "../../evaluation/error.js";
import { openFeatureNetwork } from "../../evaluation/feature-network.js";
import type { Features } from "../../evaluation/features.js";
import { compare, type MeasureOptions, type Measures, measure } from "../../evaluation/measure.js";
import { writeNpz } from "../../evaluation/npz.js";
import {
  featuresShape,
  type Reference,
  readFeatures,
  writeFeatures,
  writeStatistics,
} from "../../evaluation/reference.js";
import { makeFolder } from "../../files/make-folder.js";
import { hashFiles } from "../../model/files/hash-files.js";
import type { Manifest } from "../../model/manifest.js";
import { resolveRequest } from "../../resolve-request.js";
import { showProgress } from "../progress.js";
import { openConfiguredEngine, openModels } from "../services/open-parts.js";
import { interruptible } from "../services/signals.js";
import { extractFeatures, openReference, tryNetwork } from "./extract.js";
import { type ImageSet, openImageSet } from "./image-set.js";
import {
  claimFolder,
  type EvaluationSettings,
  imageFolder,
  makeImages,
  missingImages,
  replaceFile,
} from "./make-images.js";
import { EVALUATE_USAGE, type EvaluateOptions, readEvaluateOptions } from "./options.js";
import { formatComparison, formatMeasures } from "./report.js";

export const usage = EVALUATE_USAGE;

/** Rows of features that statistics keep for precision and recall. */
const KEPT_ROWS = 1000;

/** Runs `marimba evaluate`; returns the exit code: 0, or 130 when interrupted. */
export async function run(argv: string[]): Promise<number> {
  return interruptible(async (signal) => {
    await evaluate(readEvaluateOptions(argv), signal);
    return 0;
  });
}

async function evaluate(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
  const config = loadConfig();
  const { request } = options;
  const models = await openModels(config, request.model);
  const { model, parameters } = resolveRequest({ ...request, class: null }, models, 1);
  const manifest = models.get(model)!;
  const folder = models.folderOf(model);
  // Everything that can fail is tried before the images are generated.
  const networkPath = options.features ?? join(folder, "classifier.onnx");
  const network = await openFeatureNetwork(networkPath, config.threads);
  try {
    const referencePath = options.reference ?? join(folder, "reference.npz");
    const given = options.images === undefined ? undefined : await openImageSet(options.images, options.num);
    await checkEnds(options, given?.count ?? options.num!);
    const reference =
      options.writeReference === undefined ? await openReference(referencePath, network, signal) : undefined;
    if (reference && !given) await tryNetwork(network, manifest, reference, referencePath, signal);
    const { class: _, ...sampling } = parameters;
    const settings = { model, model_hash: manifest.hash, parameters: sampling, seed: options.seed };
    if (options.out !== undefined) await makeFolder(options.out);
    const made = given ? {} : await makeMissing(options, settings, manifest, folder, config, signal);
    const set = given ?? (await openImageSet(imageFolder(options.out!), options.num));
    const features = await extractFeatures(set, network, signal);
    if (options.npz) await writeImages(join(options.out!, "images.npz"), set);
    if (!reference) return await writeStatistics(options.writeReference!, features, KEPT_ROWS);
    const classes = options.classes ?? (given ? 1 : manifest.classes.length);
    const measures = measureShown(features, reference, { ...options, classes });
    process.stdout.write(formatMeasures(measures));
    if (options.out !== undefined) {
      await writeFeatures(join(options.out, "features.npz"), features);
      const source = given ? { source: options.images } : { ...settings, ...made };
      const hashes = { feature_network_sha256: (await hashFiles([[networkPath]]))[0]! };
      const result = { ...source, ...hashes, ...measures };
      await replaceFile(join(options.out, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
    }
    if (options.compare !== undefined) {
      const baseline = await readFeatures(join(options.compare, "features.npz"));
      const comparison = compare(features, baseline, reference, { ...options, classes });
      process.stdout.write(formatComparison(comparison, options.compare));
    }
  } finally {
    await network.close();
  }
}

/** Throws `EvaluationError`, or the file system's error, if `count` images can't be compared or written as asked. */
async function checkEnds({ compare, writeReference }: EvaluateOptions, count: number): Promise<void> {
  if (writeReference !== undefined) await access(dirname(writeReference), constants.W_OK);
  if (compare === undefined) return;
  const [baseline] = await featuresShape(join(compare, "features.npz"));
  if (baseline !== count)
    throw new EvaluationError(
      `${count} images can't be compared with the ${baseline} of ${compare}: the comparison is by pairs.`,
    );
}

/** Generates the images that the folder does not hold yet. */
async function makeMissing(
  { out, num }: EvaluateOptions,
  settings: EvaluationSettings,
  manifest: Manifest,
  folder: string,
  config: Config,
  signal: AbortSignal,
): Promise<{ ms_per_image?: number }> {
  await claimFolder(out!, settings);
  const indices = await missingImages(out!, num!);
  if (indices.length === 0) return {};
  const { maxBatch } = config;
  const engine = await openConfiguredEngine(config, manifest, { folder, maxBatch, maxWaiting: maxBatch });
  const progress = showProgress("images", indices.length, process.stderr);
  try {
    const making = { engine, manifest, settings, out: out!, indices, atOnce: 2 * maxBatch, signal };
    const msPerImage = await makeImages({ ...making, onImage: () => progress.step() });
    return msPerImage === undefined ? {} : { ms_per_image: msPerImage };
  } finally {
    progress.stop();
    await engine.close(0);
  }
}

function measureShown(features: Features, reference: Reference, options: MeasureOptions): Measures {
  const progress = showProgress("resamples", options.resamples, process.stderr);
  try {
    return measure(features, reference, { ...options, onResample: () => progress.step() });
  } finally {
    progress.stop();
  }
}

/** Writes arr_0 as ADM's evaluator reads it. */
async function writeImages(path: string, set: ImageSet): Promise<void> {
  let size: readonly [number, number] | undefined;
  for await (const { height, width } of set.batches(1)) {
    size = [height, width];
    break;
  }
  const rows = async function* () {
    for await (const { pixels } of set.batches(64)) yield pixels;
  };
  await writeNpz(path, { arr_0: { shape: [set.count, ...size!, 3], rows: rows() } });
}
