import { join } from "node:path";
import { type Config, loadConfig } from "../../config.js";
import { openFeatureNetwork } from "../../evaluation/feature-network.js";
import type { Features } from "../../evaluation/features.js";
import { compare, type MeasureOptions, type Measures, measure } from "../../evaluation/measure.js";
import { writeNpz } from "../../evaluation/npz.js";
import { type Reference, readFeatures, writeFeatures, writeStatistics } from "../../evaluation/reference.js";
import { makeFolder } from "../../files/make-folder.js";
import { hashFiles } from "../../model/files/hash-files.js";
import type { Manifest } from "../../model/manifest.js";
import { loadRegistry } from "../../model/registry.js";
import { resolveRequest } from "../../resolve-request.js";
import { interruptible } from "../services/interruption.js";
import { openConfiguredEngine } from "../services/open-engine.js";
import { checkEnds } from "./check-ends.js";
import { extractFeatures } from "./extract.js";
import {
  claimFolder,
  makePictures,
  missingPictures,
  type PictureSettings,
  pictureFolder,
  replaceFile,
} from "./make-pictures.js";
import { EVALUATE_USAGE, type EvaluateOptions, readEvaluateOptions } from "./options.js";
import { openPictureSet, type PictureSet } from "./picture-set.js";
import { showProgress } from "./progress.js";
import { openReference } from "./reference-file.js";
import { formatComparison, formatMeasures } from "./report.js";
import { tryNetwork } from "./try-network.js";

/** Rows of features that statistics keep for precision and recall. */
const KEPT_ROWS = 1000;

/** Runs `marimba evaluate`; returns the exit code: 0, or 130 when interrupted. */
export async function runEvaluate(argv: string[]): Promise<number> {
  return interruptible(async (signal) => {
    const options = readEvaluateOptions(argv);
    if (options) await evaluate(options, signal);
    else process.stdout.write(EVALUATE_USAGE);
    return 0;
  });
}

async function evaluate(options: EvaluateOptions, signal: AbortSignal): Promise<void> {
  const config = loadConfig();
  const { request } = options;
  const models = await loadRegistry(config.modelsDir, request.model === undefined ? config.models : [request.model]);
  const { model, parameters } = resolveRequest({ ...request, class: null }, models, 1);
  const manifest = models.get(model)!;
  const folder = join(config.modelsDir, model);
  // Whatever is wrong with them is better known before the pictures are made.
  const networkPath = options.features ?? join(folder, "classifier.onnx");
  const network = await openFeatureNetwork(networkPath, config.threads);
  try {
    const referencePath = options.reference ?? join(folder, "reference.npz");
    const there = options.pictures === undefined ? undefined : await openPictureSet(options.pictures, options.num);
    await checkEnds(options, there?.count ?? options.num!);
    const reference =
      options.writeReference === undefined ? await openReference(referencePath, network, signal) : undefined;
    if (reference && !there) await tryNetwork(network, manifest, reference, referencePath, signal);
    const { class: _, ...sampling } = parameters;
    const settings = { model, model_hash: manifest.hash, parameters: sampling, seed: options.seed };
    if (options.out !== undefined) await makeFolder(options.out);
    const made = there ? {} : await makeMissing(options, settings, manifest, config, signal);
    const set = there ?? (await openPictureSet(pictureFolder(options.out!), options.num));
    const features = await extractFeatures(set, network, signal);
    if (options.npz) await writePictures(join(options.out!, "pictures.npz"), set);
    if (!reference) return await writeStatistics(options.writeReference!, features, KEPT_ROWS);
    const classes = options.classes ?? (there ? 1 : manifest.classes.length);
    const measures = measureShown(features, reference, { ...options, classes });
    process.stdout.write(formatMeasures(measures));
    if (options.out !== undefined) {
      await writeFeatures(join(options.out, "features.npz"), features);
      const source = there ? { pictures: options.pictures } : { ...settings, ...made };
      const hashes = { feature_network_sha256: (await hashFiles([[networkPath]]))[0]! };
      const result = { ...source, ...hashes, ...measures };
      await replaceFile(join(options.out, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
    }
    if (options.compare !== undefined) {
      const baseline = await readFeatures(join(options.compare, "features.npz"));
      process.stdout.write(
        formatComparison(compare(features, baseline, reference, { ...options, classes }), options.compare),
      );
    }
  } finally {
    await network.close();
  }
}

/** Makes the pictures that are not there yet. */
async function makeMissing(
  { out, num }: EvaluateOptions,
  settings: PictureSettings,
  manifest: Manifest,
  config: Config,
  signal: AbortSignal,
): Promise<{ ms_per_image?: number }> {
  await claimFolder(out!, settings);
  const indices = await missingPictures(out!, num!);
  if (indices.length === 0) return {};
  const { maxBatch } = config;
  const engine = await openConfiguredEngine(config, manifest, { maxBatch, maxWaiting: maxBatch });
  const progress = showProgress("pictures", indices.length, process.stderr);
  try {
    const making = { engine, manifest, settings, out: out!, indices, atOnce: 2 * maxBatch, signal };
    const msPerImage = await makePictures({ ...making, onPicture: () => progress.step() });
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

/** arr_0 as ADM's evaluator reads it. */
async function writePictures(path: string, set: PictureSet): Promise<void> {
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
