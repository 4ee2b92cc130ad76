import { join } from "node:path";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { buildGraphs } from "../graph/index.js";
import { type Manifest, MODEL_FILES } from "../manifest.js";
import { deriveArchitecture } from "./architecture.js";
import { assertManifest, checkName, draftManifest } from "./draft-manifest.js";
import { countedBytes, writeModelFolder } from "./model-folder.js";
import { Progress, type ProgressOptions } from "./progress.js";
import type { ClassEntry, ModelSettings } from "./settings.js";
import { checkNameIsFree, stageModel } from "./staging.js";
import { planWeights } from "./weights-plan.js";
import { writeFileBehind } from "./written-behind.js";

export interface ImportOptions extends ProgressOptions {
  readonly name: string;
  /** Checkpoint of the MAR model and of the tokenizer: .safetensors, or PyTorch's .pth, .ckpt, .pt. */
  readonly generator: string;
  readonly tokenizer: string;
  /** `mar-b`, `mar-l`, `mar-h` or the path of a config.json; inferred for the published widths. */
  readonly arch?: string | undefined;
  readonly precision: Manifest["precision"];
  readonly modelsDir: string;
  /** One for each class of the generator, in order; left out, ImageNet's for the published models. */
  readonly classes?: readonly ClassEntry[] | undefined;
  readonly settings?: ModelSettings | undefined;
  /** Replace a model of the same name. */
  readonly replace?: boolean;
  /** Graphs that also output what lies between, for the parity check. */
  readonly expose?: boolean;
}

export interface ImportedModel {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly warnings: readonly string[];
}

/**
 * Turns two checkpoints into `modelsDir/name`: model.json, the three graphs and their weights. Memory stays bounded
 * whatever the checkpoints' size. Throws `ImportError` or `CheckpointError`; then nothing was left behind.
 */
export async function importModel(options: ImportOptions): Promise<ImportedModel> {
  checkName(options.name);
  await checkNameIsFree(options.modelsDir, options.name, options.replace ?? false);
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
  const graphs = buildGraphs(derived.architecture, plan.index, { expose: options.expose ?? false });
  const progress = new Progress(options, countedBytes(plan));
  let manifest = draft;
  const staged = {
    modelsDir: options.modelsDir,
    name: options.name,
    sizeBytes: plan.sizeBytes + graphs.predict.byteLength + graphs.denoise.byteLength + graphs.decode.byteLength,
    replace: options.replace ?? false,
  };
  const folder = await stageModel(staged, async (staging) => {
    const written = await writeModelFolder(staging, [generator, tokenizer], graphs, plan, progress);
    manifest = { ...draft, ...written };
    assertManifest(manifest);
    const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
    await writeFileBehind(
      join(staging, MODEL_FILES.manifest),
      () => {},
      (output) => output.put(text),
    );
    progress.add("writing", 0);
  });
  return { manifest, folder, warnings };
}
