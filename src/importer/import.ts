import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { prepareToHash } from "../model/files/hash-files.js";
import { type Manifest, MODEL_FILES } from "../model/manifest.js";
import { deriveArchitecture } from "./architecture/derive-architecture.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import { openCheckpoint } from "./checkpoint/open.js";
import { draftManifest, nameMistake } from "./draft-manifest.js";
import { ImportError } from "./error.js";
import { importedFamily } from "./families.js";
import type { Deviation } from "./imported-family.js";
import { type Checkpoints, writeFiles, writeModelFolder } from "./model-folder.js";
import type { ImportedModel, ImportOptions } from "./options.js";
import { Progress } from "./progress.js";
import { checkNameIsFree, stageModel } from "./staging.js";
import { readLatentStatistics } from "./tokenizers/latent-statistics.js";
import { chooseWeights } from "./weights/choose-weights.js";
import { writeSmallFile } from "./weights/hashed-writer.js";
import { planWeights, type WeightsPlan } from "./weights/weights-plan.js";

/**
 * Turns two checkpoints into `modelsDir/name`: model.json, the graphs and their weights. Memory stays bounded
 * whatever the checkpoints' size. Throws `ImportError` or `CheckpointError`; then nothing was left behind.
 */
export async function importModel(options: ImportOptions): Promise<ImportedModel> {
  const mistake = nameMistake(options.name);
  if (mistake !== undefined) throw new ImportError(mistake);
  await checkNameIsFree(options.modelsDir, options.name, options.replace ?? false);
  prepareToHash();
  const opened: Checkpoint[] = [];
  const openNext = async (path: string) => {
    const checkpoint = await openCheckpoint(path);
    opened.push(checkpoint);
    return checkpoint;
  };
  try {
    const generator = await openNext(options.generator);
    const tokenizer = await openNext(options.tokenizer);
    const decoder = options.decoder === undefined ? {} : { decoder: await openNext(options.decoder) };
    return await importOpened(options, { generator, tokenizer, ...decoder });
  } finally {
    for (const checkpoint of opened) await checkpoint.close();
  }
}

async function importOpened(options: ImportOptions, checkpoints: Checkpoints): Promise<ImportedModel> {
  const { generator, tokenizer, decoder } = checkpoints;
  const weights = {
    generator: chooseWeights(generator, "generator", options.weights),
    tokenizer: chooseWeights(tokenizer, "tokenizer", options.tokenizerWeights),
    ...(decoder && { decoder: chooseWeights(decoder, "decoder", options.decoderWeights) }),
  };
  const { generator: generating, tokenizer: tokenizing } = weights;
  const derived = await deriveArchitecture(generating.tensors, tokenizing.tensors, options.arch, {
    decoder: weights.decoder && { tensors: weights.decoder.tensors, clamp: options.decoderClamp ?? true },
    statistics: options.latentStats && (await readLatentStatistics(options.latentStats)),
  });
  await importedFamily(derived.architecture.generator).checkUnused?.(generator, weights.generator.tensors);
  const { generatorTable, tokenizerTable, decoderTable, warnings } = derived;
  const sources = [
    {
      checkpoint: generator,
      tensors: weights.generator.tensors,
      table: generatorTable,
      prefix: "",
      copy: MODEL_FILES.generator,
    },
    {
      checkpoint: tokenizer,
      tensors: weights.tokenizer.tensors,
      table: tokenizerTable,
      prefix: "tokenizer.",
      copy: MODEL_FILES.tokenizer,
    },
    ...(decoder && weights.decoder && decoderTable
      ? [
          {
            checkpoint: decoder,
            tensors: weights.decoder.tensors,
            table: decoderTable,
            prefix: "tokenizer.",
            copy: MODEL_FILES.decoder,
          },
        ]
      : []),
  ];
  const plan = planWeights(sources, options.precision);
  const draft = await draftManifest(options, derived, plan);
  const float32 = options.verify && options.precision !== "fp32" ? planWeights(sources, "fp32") : undefined;
  const toHash = options.hashSources ? plan.converted.map(({ checkpoint }) => checkpoint) : [];
  const hashedBytes = toHash.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const progress = new Progress(options, plan.sizeBytes + hashedBytes + (float32?.sizeBytes ?? 0));
  let manifest = draft;
  let deviations: readonly Deviation[] | undefined;
  const staged = {
    modelsDir: options.modelsDir,
    name: options.name,
    sizeBytes: plan.sizeBytes + (float32?.sizeBytes ?? 0),
    replace: options.replace ?? false,
  };
  const folder = await stageModel(staged, async (staging) => {
    const files = { architecture: derived.architecture, weights: plan, expose: options.expose };
    const written = await writeModelFolder(staging, checkpoints, toHash, files, progress);
    manifest = { ...draft, ...written };
    if (options.verify) deviations = await verify({ folder: staging, manifest }, float32, progress);
    for (const checkpoint of Object.values(checkpoints)) await checkpoint.checkUnchanged();
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    await writeSmallFile(join(staging, MODEL_FILES.manifest), text);
    progress.add("writing", 0);
  });
  return { manifest, folder, weights, warnings, ...(deviations && { deviations }) };
}

/** The float32 model lies inside the folder that is staged: whatever happens, it is gone when the import ends. */
async function verify(
  model: { readonly folder: string; readonly manifest: Manifest },
  float32: WeightsPlan | undefined,
  progress: Progress,
): Promise<Deviation[]> {
  const family = importedFamily(model.manifest.architecture.generator);
  if (!float32) return family.verify(model, undefined, progress);
  const beside = join(model.folder, "float32");
  await mkdir(beside);
  await writeFiles(beside, { architecture: model.manifest.architecture, weights: float32 }, progress, "verifying");
  const deviations = await family.verify(model, beside, progress);
  await rm(beside, { recursive: true });
  return deviations;
}
