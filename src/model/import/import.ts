import { createHash, type Hash } from "node:crypto";
import { open } from "node:fs/promises";
import { basename, join } from "node:path";
import { fieldErrors } from "../../field-errors.js";
import type { Checkpoint } from "../checkpoint/checkpoint.js";
import { openCheckpoint } from "../checkpoint/open.js";
import { buildGraphs, type Graphs } from "../graph/index.js";
import { hashFiles } from "../hash-files.js";
import { Manifest, MODEL_FILES, type Precision } from "../manifest.js";
import { checkManifest } from "../registry.js";
import { type DerivedArchitecture, deriveArchitecture } from "./architecture.js";
import { ImportError } from "./error.js";
import { type ClassEntry, type ModelSettings, nameClasses, publishedDefaults, publishedPresets } from "./settings.js";
import { checkNameIsFree, stageModel } from "./staging.js";
import { listed } from "./tensor-table.js";
import { planWeights, type WeightsPlan, writeWeights } from "./weights-file.js";

export interface ImportOptions {
  readonly name: string;
  /** Checkpoint of the MAR model and of the tokenizer: .safetensors, or PyTorch's .pth, .ckpt, .pt. */
  readonly generator: string;
  readonly tokenizer: string;
  /** `mar-b`, `mar-l`, `mar-h` or the path of a config.json; inferred for the published widths. */
  readonly arch?: string | undefined;
  readonly precision: Precision;
  readonly modelsDir: string;
  /** One for each class of the generator, in order. */
  readonly classes?: readonly ClassEntry[] | undefined;
  readonly settings?: ModelSettings | undefined;
  /** Replace a model of the same name. */
  readonly replace?: boolean;
  /** Graphs that also output what lies between, for the parity check. */
  readonly expose?: boolean;
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Aborted: the import stops within a few megabytes of work and leaves nothing behind. */
  readonly signal?: AbortSignal;
}

export interface ImportProgress {
  readonly step: "hashing" | "writing";
  /** Of the whole import. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface ImportedModel {
  readonly manifest: Manifest;
  readonly folder: string;
  readonly warnings: readonly string[];
}

/**
 * Turns two checkpoints into `modelsDir/name`: model.json, the three graphs and their weights as float32. Memory stays
 * bounded whatever the checkpoints' size. Throws `ImportError` or `CheckpointError`; then nothing was left behind.
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
  const draft = draftManifest(options, derived);
  const sources = [
    { checkpoint: generator, table: derived.generatorTable, prefix: "" },
    { checkpoint: tokenizer, table: derived.tokenizerTable, prefix: "tokenizer." },
  ];
  const plan = planWeights(sources, options.precision);
  const graphs = buildGraphs(derived.architecture, plan.index, { expose: options.expose ?? false });
  const progress = new Progress(options, generator.sizeBytes + tokenizer.sizeBytes + plan.sizeBytes);
  let manifest: Manifest | undefined;
  const staged = {
    modelsDir: options.modelsDir,
    name: options.name,
    sizeBytes: plan.sizeBytes + graphs.predict.byteLength + graphs.denoise.byteLength + graphs.decode.byteLength,
    replace: options.replace ?? false,
  };
  const folder = await stageModel(staged, async (staging) => {
    const [source, hash] = await progress.untilOneFails(
      describeSources([generator, tokenizer], progress),
      writeModelFiles(staging, graphs, plan, progress),
    );
    manifest = { ...draft, hash, source };
    assertManifest(manifest);
    await writeDurably(join(staging, MODEL_FILES.manifest), `${JSON.stringify(manifest, null, 2)}\n`);
    progress.add("writing", 0);
  });
  return { manifest: manifest!, folder, warnings: derived.warnings };
}

/** Everything of the manifest that is known before the weights are read, and checked before anything is written. */
function draftManifest(options: ImportOptions, { architecture }: DerivedArchitecture): Manifest {
  const { generator } = architecture;
  const settings = options.settings ?? {};
  const published = publishedDefaults(generator.encoder.width, generator.token_count);
  const unread = { file: "", bytes: 0, sha256: "0".repeat(64) };
  const manifest: Manifest = {
    format: 1,
    name: options.name,
    ...(settings.description === undefined ? {} : { description: settings.description }),
    architecture,
    classes: nameClasses(options.classes, generator.class_count),
    precision: options.precision,
    hash: "0".repeat(64),
    source: { generator: unread, tokenizer: unread },
    defaults: { ...published, ...settings.defaults },
    presets: settings.presets ?? publishedPresets(published),
    ...(settings.default_preset === undefined ? {} : { default_preset: settings.default_preset }),
  };
  assertManifest(manifest);
  return manifest;
}

function checkName(name: string): void {
  if (fieldErrors(Manifest.properties.name, name).length > 0) {
    throw new ImportError(
      `${JSON.stringify(name)} is no name for a model: lower-case letters, digits, dots, dashes and underscores, at most 64.`,
    );
  }
}

function assertManifest(manifest: Manifest): void {
  const shape = fieldErrors(Manifest, manifest);
  const errors = shape.length > 0 ? shape : checkManifest(manifest);
  if (errors.length === 0) return;
  const fields = errors.map(({ pointer, message }) => `${pointer} ${message}`);
  throw new ImportError(`The model's manifest would not be valid: ${listed(fields)}.`);
}

/** Hashes both checkpoints, in a thread of its own: what they are, not what was taken from them. */
async function describeSources(
  checkpoints: readonly [Checkpoint, Checkpoint],
  progress: Progress,
): Promise<Manifest["source"]> {
  const [generator, tokenizer] = await hashFiles(
    checkpoints.map(({ descriptor }) => [descriptor]),
    { signal: progress.signal, onBytes: (bytes) => progress.add("hashing", bytes) },
  );
  const describe = ({ path, sizeBytes }: Checkpoint, sha256: string) => ({
    file: basename(path),
    bytes: sizeBytes,
    sha256,
  });
  return { generator: describe(checkpoints[0], generator!), tokenizer: describe(checkpoints[1], tokenizer!) };
}

/** Writes the graphs and the weights; returns the SHA-256 of predict, denoise, decode and weights, one after another. */
async function writeModelFiles(folder: string, graphs: Graphs, plan: WeightsPlan, progress: Progress): Promise<string> {
  const hash = createHash("sha256");
  for (const graph of ["predict", "denoise", "decode"] as const) {
    hash.update(graphs[graph]);
    await writeDurably(join(folder, MODEL_FILES[graph]), graphs[graph]);
  }
  await writeWeightsFile(join(folder, MODEL_FILES.weights), plan, hash, progress);
  return hash.digest("hex");
}

async function writeWeightsFile(path: string, plan: WeightsPlan, hash: Hash, progress: Progress): Promise<void> {
  const file = await open(path, "wx");
  try {
    await writeWeights(file, plan, hash, (bytes) => progress.add("writing", bytes));
  } finally {
    await file.close();
  }
}

async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Counts bytes for whoever watches, and is where an import stops that was cancelled or has failed elsewhere. */
class Progress {
  private doneBytes = 0;
  private readonly stopped = new AbortController();

  constructor(
    private readonly options: Pick<ImportOptions, "onProgress" | "signal">,
    private readonly totalBytes: number,
  ) {}

  get signal(): AbortSignal {
    return this.stopped.signal;
  }

  add(step: ImportProgress["step"], bytes: number): void {
    this.stopped.signal.throwIfAborted();
    this.doneBytes += bytes;
    this.options.onProgress?.({ step, doneBytes: this.doneBytes, totalBytes: this.totalBytes });
    if (this.options.signal?.aborted) throw new ImportError("The import was cancelled; nothing was written.");
  }

  /** Both results. Where one fails, the other is stopped and waited for: then neither reads or writes any more. */
  async untilOneFails<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
    try {
      return await Promise.all([a, b]);
    } catch (error) {
      this.stopped.abort(error);
      await Promise.allSettled([a, b]);
      throw error;
    }
  }
}
