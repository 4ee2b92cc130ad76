import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { prepareToHash } from "../model/files/hash-files.js";
import { type Manifest, MODEL_FILES } from "../model/manifest.js";
import { deriveArchitecture } from "./architecture/derive-architecture.js";
import type { Checkpoint } from "./checkpoint/checkpoint.js";
import { openCheckpoint } from "./checkpoint/open.js";
import { checkName, draftManifest } from "./draft-manifest.js";
import { writeFiles, writeModelFolder } from "./model-folder.js";
import type { Deviation, ImportedModel, ImportOptions } from "./options.js";
import { Progress } from "./progress.js";
import { checkNameIsFree, stageModel } from "./staging.js";
import { writeWholeFile } from "./weights/hashed-writer.js";
import { planWeights, type WeightsPlan } from "./weights/weights-plan.js";

/**
 * Turns two checkpoints into `modelsDir/name`: model.json, the three graphs and their weights. Memory stays bounded
 * whatever the checkpoints' size. Throws `ImportError` or `CheckpointError`; then nothing was left behind.
 */
export async function importModel(options: ImportOptions): Promise<ImportedModel> {
  checkName(options.name);
  await checkNameIsFree(options.modelsDir, options.name, options.replace ?? false);
  prepareToHash();
  const generator = await openCheckpoint(options.generator);
  try {
    const tokenizer = await openCheckpoint(options.tokenizer);
    try {
      return await importOpened(options, generator, tokenizer);
    } finally {
      await tokenizer.close();
    }
  } finally {
    await generator.close();
  }
}

async function importOpened(
  options: ImportOptions,
  generator: Checkpoint,
  tokenizer: Checkpoint,
): Promise<ImportedModel> {
  const derived = await deriveArchitecture(generator.tensors, tokenizer.tensors, options.arch);
  const { generatorTable, tokenizerTable, warnings } = derived;
  const sources = [
    { checkpoint: generator, table: generatorTable, prefix: "", copy: MODEL_FILES.generator },
    { checkpoint: tokenizer, table: tokenizerTable, prefix: "tokenizer.", copy: MODEL_FILES.tokenizer },
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
    const written = await writeModelFolder(staging, [generator, tokenizer], toHash, files, progress);
    manifest = { ...draft, ...written };
    if (options.verify) deviations = await verify({ folder: staging, manifest }, float32, progress);
    for (const checkpoint of [generator, tokenizer]) await checkpoint.checkUnchanged();
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    await writeWholeFile(join(staging, MODEL_FILES.manifest), text);
    progress.add("writing", 0);
  });
  return { manifest, folder, warnings, ...(deviations && { deviations }) };
}

/** The float32 model lies inside the folder that is staged: whatever happens, it is gone when the import ends. */
async function verify(
  model: { readonly folder: string; readonly manifest: Manifest },
  float32: WeightsPlan | undefined,
  progress: Progress,
): Promise<Deviation[]> {
  // Brings ONNX Runtime with it, which no other import needs.
  const { compareWithFloat32 } = await import("./verify.js");
  if (!float32) return compareWithFloat32(model, undefined, progress);
  const beside = join(model.folder, "float32");
  await mkdir(beside);
  await writeFiles(beside, { architecture: model.manifest.architecture, weights: float32 }, progress, "verifying");
  const deviations = await compareWithFloat32(model, beside, progress);
  await rm(beside, { recursive: true });
  return deviations;
}
