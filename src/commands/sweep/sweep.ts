import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Config, loadConfig } from "../../config.js";
import type { Engine } from "../../engine/engine.js";
import { EvaluationError } from "../../evaluation/error.js";
import { type FeatureNetwork, openFeatureNetwork } from "../../evaluation/feature-network.js";
import { type Measures, measure } from "../../evaluation/measure.js";
import type { Reference } from "../../evaluation/reference.js";
import { makeFolder } from "../../files/make-folder.js";
import { hashFiles } from "../../model/files/hash-files.js";
import type { Manifest } from "../../model/manifest.js";
import type { ModelRegistry } from "../../model/registry.js";
import { extractFeatures, openReference, tryNetwork } from "../evaluation/extract.js";
import { openImageSet } from "../evaluation/image-set.js";
import {
  claimFolder,
  imageFolder,
  imageRequest,
  makeImages,
  missingImages,
  replaceFile,
} from "../evaluation/make-images.js";
import { showProgress } from "../progress.js";
import { openConfiguredEngine, openModels } from "../services/open-parts.js";
import { interruptible } from "../services/signals.js";
import { modelsSvg, sweepsSvg, tradeoffSvg } from "./figures.js";
import { readSweepOptions, SWEEP_USAGE, type SweepOptions } from "./options.js";
import { type SweepOutcome, sweepOutcomes, sweepTable } from "./outcome.js";
import { type SweepPoint, sweepPoints } from "./points.js";
import { SweepResults } from "./results.js";

export const usage = SWEEP_USAGE;

/** Runs `marimba sweep`; returns the exit code: 0, or 130 when interrupted. */
export async function run(argv: string[]): Promise<number> {
  return interruptible(async (signal) => {
    await sweep(readSweepOptions(argv), signal);
    return 0;
  });
}

/** Everything needed to measure a point. */
interface Bench extends Shared {
  readonly manifest: Manifest;
  readonly engine: Engine;
  /** Of the model's results. */
  readonly out: string;
}

/** What measures all models. */
interface Shared {
  readonly options: SweepOptions;
  readonly config: Config;
  readonly network: FeatureNetwork;
  readonly networkPath: string;
  readonly reference: Reference;
  readonly signal: AbortSignal;
}

/** One model's part of the sweep. */
interface ModelSweep {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly points: readonly SweepPoint[];
  readonly out: string;
}

async function sweep(options: SweepOptions, signal: AbortSignal): Promise<void> {
  const config = loadConfig();
  const models = await openModels(options.models.length > 0 ? { ...config, models: [...options.models] } : config);
  const sweeps = planSweeps(options, models);
  const [first] = sweeps;
  const networkPath = options.features ?? join(first!.folder, "classifier.onnx");
  const network = await openFeatureNetwork(networkPath, config.threads);
  try {
    const referencePath = options.reference ?? join(first!.folder, "reference.npz");
    const reference = await openReference(referencePath, network, signal);
    for (const { manifest } of sweeps)
      await tryNetwork(network, manifest, reference, referencePath, signal).catch((error: unknown) => {
        if (error instanceof EvaluationError && sweeps.length > 1)
          throw new EvaluationError(`${manifest.name} can't be on this chart. ${error.message}`);
        throw error;
      });
    const shared = { options, config, network, networkPath, reference, signal };
    const outcomes = new Map<string, readonly SweepOutcome[]>();
    for (const model of sweeps) outcomes.set(model.manifest.name, await sweepModel(model, shared));
    const chart = outcomes.size > 1 && modelsSvg(outcomes);
    if (chart) await replaceFile(join(options.out, "models.svg"), chart);
    else if (sweeps.length > 1)
      process.stderr.write("There is no models.svg: no model was measured over steps that it can take.\n");
  } finally {
    await network.close();
  }
}

function planSweeps(options: SweepOptions, models: ModelRegistry): ModelSweep[] {
  const several = options.models.length > 1;
  const refused = several ? (reason: string) => void process.stderr.write(`${reason}\n`) : undefined;
  const names = options.models.length > 0 ? options.models : [models.default];
  return names.map((name) => ({
    manifest: models.get(name)!,
    folder: models.folderOf(name),
    points: sweepPoints(options, models, name, refused),
    out: several ? join(options.out, name) : options.out,
  }));
}

async function sweepModel({ manifest, folder, points, out }: ModelSweep, shared: Shared): Promise<SweepOutcome[]> {
  const { options, config, networkPath } = shared;
  const { maxBatch } = config;
  await makeFolder(out);
  const results = await SweepResults.open(join(out, "results.jsonl"), {
    model: manifest.name,
    model_hash: manifest.hash,
    seed: options.seed,
    images: options.num,
    feature_network_sha256: (await hashFiles([[networkPath]]))[0]!,
  });
  const engine = await openConfiguredEngine(config, manifest, { folder, maxBatch, maxWaiting: maxBatch });
  try {
    const bench = { ...shared, manifest, engine, out };
    await measurePoints(points, results, bench);
    await timePoints(points, results, bench);
  } finally {
    await engine.close(0);
  }
  const outcomes = sweepOutcomes(points, results);
  await report(out, manifest, outcomes);
  return outcomes;
}

async function measurePoints(points: readonly SweepPoint[], results: SweepResults, bench: Bench): Promise<void> {
  for (const [index, point] of points.entries()) {
    if (results.measuresOf(point)) continue;
    process.stderr.write(`${point.name} (${index + 1} of ${points.length})\n`);
    await results.addMeasures(point, await measurePoint(point, bench));
  }
}

async function measurePoint({ name, parameters }: SweepPoint, bench: Bench): Promise<Measures> {
  const { options, config, manifest, engine, signal } = bench;
  const out = join(bench.out, "points", name.replaceAll(/[^a-z0-9.]+/gi, "-"));
  const settings = settingsOf(bench, parameters);
  await claimFolder(out, settings);
  const indices = await missingImages(out, options.num);
  const progress = showProgress("images", indices.length, process.stderr);
  try {
    const making = { engine, manifest, settings, out, indices, atOnce: 2 * config.maxBatch, signal };
    await makeImages({ ...making, onImage: () => progress.step() });
  } finally {
    progress.stop();
  }
  const features = await extractFeatures(await openImageSet(imageFolder(out), options.num), bench.network, signal);
  const { resamples } = options;
  const measures = measure(features, bench.reference, {
    resamples,
    classes: manifest.classes.length,
    neighbours: 3,
    manifoldImages: 10_000,
  });
  await rm(out, { recursive: true });
  return measures;
}

/** Times one full batch of every point in turn, once a round. Processor time, which other processes hardly change. */
async function timePoints(points: readonly SweepPoint[], results: SweepResults, bench: Bench): Promise<void> {
  const { options, manifest, engine, signal } = bench;
  const { maxBatch } = bench.config;
  const left = options.rounds - results.roundsOf(points).length;
  const progress = showProgress("rounds", Math.max(0, left), process.stderr);
  for (let round = 0; round < left; round++) {
    const ms: Record<string, number> = {};
    for (const { name, parameters } of points) {
      signal.throwIfAborted();
      const settings = settingsOf(bench, parameters);
      const before = process.cpuUsage();
      await Promise.all(
        Array.from({ length: maxBatch }, (_, index) =>
          engine.generate(imageRequest(settings, manifest.classes.length, index), { signal }),
        ),
      );
      const { user, system } = process.cpuUsage(before);
      ms[name] = (user + system) / 1000 / maxBatch;
    }
    await results.addRound(maxBatch, ms);
    progress.step();
  }
  progress.stop();
}

function settingsOf({ options, manifest }: Bench, parameters: SweepPoint["parameters"]) {
  return { model: manifest.name, model_hash: manifest.hash, parameters, seed: options.seed };
}

async function report(out: string, manifest: Manifest, outcomes: readonly SweepOutcome[]): Promise<void> {
  const table = sweepTable(outcomes);
  process.stdout.write(table);
  await replaceFile(join(out, "table.md"), table);
  const tradeoff = tradeoffSvg(outcomes, `${manifest.name}: time against quality`);
  if (tradeoff) await replaceFile(join(out, "tradeoff.svg"), tradeoff);
  const sweeps = sweepsSvg(outcomes);
  if (sweeps) await replaceFile(join(out, "sweeps.svg"), sweeps);
}
