import { type Config, loadConfig } from "../config.js";
import { modelRefusal } from "../engine/runtime/refusal.js";
import { quote } from "../importer/checkpoint/error.js";
import { nameMistake } from "../importer/draft-manifest.js";
import { architectureMistake } from "../importer/families.js";
import { importModel } from "../importer/import.js";
import type { Deviation } from "../importer/imported-family.js";
import { readClasses, readSettings } from "../importer/model-settings.js";
import { ALLOWED_DEVIATION, type ImportOptions } from "../importer/options.js";
import { PRECISIONS, type Precision } from "../model/manifest.js";
import type { TokenizerKind } from "../model/tokenizer-architecture.js";
import { readArguments, reportError, UsageError } from "./command-line.js";
import { watchImport } from "./import-progress.js";
import { INTERRUPTED, interruptible } from "./services/signals.js";

const TOKENIZER_NAMES: Readonly<Record<TokenizerKind, string>> = { kl: "KL", vq: "VQ", detok: "DeTok" };

export const usage = `marimba import: turns a checkpoint of MAR, DiT, SiT or LlamaGen and its tokenizer into a model

  marimba import --name NAME --generator FILE --tokenizer FILE [options]

  --name NAME         the model's name: its folder under the models folder, and what requests call it
  --generator FILE    the checkpoint of MAR, DiT, SiT or LlamaGen, or of a training: .safetensors, the index of a sharded one
                      (model.safetensors.index.json), or PyTorch's .pth, .ckpt or .pt
  --tokenizer FILE    its checkpoint: MAR's KL-16, latent diffusion's KL-8 or VQ-16, also under diffusers' names, or
                      DeTok's or LlamaGen's tokenizer
  --decoder FILE      OpenAI's consistency decoder as diffusers saves it (openai/consistency-decoder), for models on
                      KL-8: it makes the finished images in place of the tokenizer's decoder, which still makes the previews
  --unclamped         with --decoder: don't clamp the image to [-1, 1] after each step, which the official code does and
                      diffusers does not
  --weights W         which of the generator's weights: ema, the averaged ones; raw, those that were trained; or the key
                      that leads to them, such as model_ema (default: the averaged ones where the file has any)
  --tokenizer-weights W, --decoder-weights W  the same for the tokenizer's and the decoder's file
  --latent-stats FILE  the statistics of the latents, which DeTok's tokenizer needs: its stats.pkl, or a .json of mean and std
  --latent-stats-key KEY  whose, where the file has those of several tokenizers
  --arch ARCH         mar-b, mar-l, mar-h, detok-mar-b, detok-mar-l, dit-xl-2, sit-xl-2, llamagen-l and the other published
                      sizes, or a config.json that states heads and scale; optional for models of the published widths, but a SiT
                      must be stated
  --precision P       how large weights are stored and multiplied: fp32, the reference's arithmetic; int8, a quarter of the
                      size and faster on a CPU; fp16, for CUDA (default: fp32, or fp16 if PROVIDER is cuda)
  --classes FILE      JSON array of class names, or of {"name", "id"}, in order (default: ImageNet's for the published
                      models, else numbers)
  --defaults FILE     JSON with description, defaults, presets and default_preset of the model
  --verify            run the model and compare it with a float32 import of the same files; prints the deviation.
                      Needs disk space for both models until it ends
  --hash-sources      record the SHA-256 of both checkpoints in model.json; reads each file once more unless it is
                      copied unchanged
  --models-dir DIR    the models folder (default: MODELS_DIR, else ./models)
  --force             replace a model of the same name

No code in a checkpoint is run. A failed or interrupted import leaves nothing behind; the next import removes what a
killed one left in the models folder.
`;

const OPTIONS = {
  name: { type: "string" },
  generator: { type: "string" },
  tokenizer: { type: "string" },
  decoder: { type: "string" },
  unclamped: { type: "boolean", default: false },
  weights: { type: "string" },
  "tokenizer-weights": { type: "string" },
  "decoder-weights": { type: "string" },
  arch: { type: "string" },
  "latent-stats": { type: "string" },
  "latent-stats-key": { type: "string" },
  precision: { type: "string" },
  classes: { type: "string" },
  defaults: { type: "string" },
  "models-dir": { type: "string" },
  verify: { type: "boolean", default: false },
  "hash-sources": { type: "boolean", default: false },
  force: { type: "boolean", default: false },
} as const;

/** Runs `marimba import` with what follows the command's name; returns the exit code: 0, 1 (failed), 2 (misused), 130. */
export async function run(argv: string[]): Promise<number> {
  return interruptible(async (signal) => {
    try {
      const config = loadConfig();
      await importAndReport(await readOptions(argv, config), config.provider, signal);
      return 0;
    } catch (error) {
      const exitCode = reportError(error);
      return signal.aborted ? INTERRUPTED : exitCode;
    }
  });
}

async function readOptions(argv: string[], config: Config): Promise<ImportOptions> {
  const { values } = readArguments({ args: argv, options: OPTIONS, allowPositionals: false });
  const { name, generator, tokenizer } = values;
  const missing = Object.entries({ name, generator, tokenizer }).flatMap(([key, value]) => (value ? [] : `--${key}`));
  if (!name || !generator || !tokenizer) {
    throw new UsageError(`${missing.join(" and ")} must be given; --help describes the command.`);
  }
  for (const option of ["unclamped", "decoder-weights"] as const)
    if (values[option] && !values.decoder) throw new UsageError(`--${option} needs --decoder.`);
  return {
    name: readName(name),
    generator,
    tokenizer,
    weights: values.weights,
    tokenizerWeights: values["tokenizer-weights"],
    decoder: values.decoder,
    decoderWeights: values["decoder-weights"],
    decoderClamp: !values.unclamped,
    arch: readArch(values.arch),
    latentStats: readLatentStats(values["latent-stats"], values["latent-stats-key"]),
    precision: readPrecision(values.precision, config.provider),
    modelsDir: values["models-dir"] ?? config.modelsDir,
    classes: values.classes === undefined ? undefined : await readClasses(values.classes),
    settings: values.defaults === undefined ? undefined : await readSettings(values.defaults),
    replace: values.force,
    verify: values.verify,
    hashSources: values["hash-sources"],
  };
}

function readName(name: string): string {
  const mistake = nameMistake(name);
  if (mistake === undefined) return name;
  throw new UsageError(`--name ${mistake}`);
}

function readLatentStats(path: string | undefined, key: string | undefined): ImportOptions["latentStats"] {
  if (path !== undefined) return { path, key };
  if (key === undefined) return undefined;
  throw new UsageError("--latent-stats-key chooses in the file that --latent-stats names; give both.");
}

function readArch(arch: string | undefined): string | undefined {
  const mistake = arch === undefined ? undefined : architectureMistake(arch);
  if (mistake === undefined) return arch;
  throw new UsageError(mistake);
}

function readPrecision(text: string | undefined, provider: Config["provider"]): Precision {
  if (text === undefined) return usualPrecision(provider);
  const precision = PRECISIONS.find((one) => one === text);
  if (precision) return precision;
  throw new UsageError(`--precision ${JSON.stringify(text)} is not known; ${PRECISIONS.join(", ")} are.`);
}

/** Where the model will run, as far as this environment says. */
function usualPrecision(provider: Config["provider"]): Precision {
  if (provider !== "cuda") return "fp32";
  process.stderr.write(
    "PROVIDER is cuda, so the weights are stored in float16; --precision chooses another precision.\n",
  );
  return "fp16";
}

async function importAndReport(
  options: ImportOptions,
  provider: Config["provider"],
  signal: AbortSignal,
): Promise<void> {
  const watch = await watchImport(process.stderr);
  const { manifest, folder, weights, warnings, deviations } = await importModel({
    ...options,
    signal,
    onProgress: watch.update,
  }).finally(() => watch.stop());
  const refusal = modelRefusal(manifest, provider);
  for (const warning of warnings) process.stderr.write(`Warning: ${warning}\n`);
  if (refusal !== undefined) process.stderr.write(`Warning: PROVIDER=${provider} can't serve this model. ${refusal}\n`);
  const { generator, tokenizer } = manifest.architecture;
  const patch = "patch_size" in generator ? generator.patch_size : 1;
  process.stdout.write(
    `Imported ${manifest.name} into ${folder}: ${generator.class_count} classes, ${generator.token_count} tokens, ` +
      `${tokenizer.image_width}x${tokenizer.image_height} pixels.\n` +
      `Its tokenizer: ${TOKENIZER_NAMES[tokenizer.kind]}, ${tokenizer.latent_channels} channels of ${tokenizer.latent_height}x${tokenizer.latent_width}` +
      `${"scale" in tokenizer ? `, scale ${tokenizer.scale}` : ""}${patch > 1 ? `; a token has ${patch}x${patch} of them` : ""}.\n`,
  );
  for (const [network, { key, isAveraged }] of Object.entries(weights)) {
    const which = isAveraged ? "the averaged ones" : "those";
    if (key !== "" || isAveraged) process.stdout.write(`The ${network}'s weights are ${which} ${place(key)}.\n`);
  }
  if (deviations) reportDeviations(manifest.precision, deviations);
}

function place(key: string): string {
  return key === "" ? "at the top of its file" : `under ${quote(key)}`;
}

function reportDeviations(precision: Precision, deviations: readonly Deviation[]): void {
  if (precision === "fp32") {
    process.stdout.write(
      "The model runs. In float32 its numbers are the checkpoint's own: there is nothing to compare.\n",
    );
    return;
  }
  const percent = (share: number) => `${Number((100 * share).toPrecision(2))} %`;
  const allowed = ALLOWED_DEVIATION[precision];
  const lines = deviations.map(({ of, relativeRms }) => `  ${of.padEnd(15)}${percent(relativeRms).padStart(10)}\n`);
  process.stdout.write(
    `Deviation from float32 on the same inputs, relative root mean square; usually at most ${percent(allowed)}:\n${lines.join("")}`,
  );
  const above = deviations.filter(({ relativeRms }) => relativeRms > allowed).map(({ of }) => of);
  if (above.length === 0) return;
  process.stderr.write(
    `Warning: ${above.join(" and ")} deviate more than is usual for ${precision}. Compare images before you serve the model ` +
      "(marimba evaluate), or import it again with --precision fp32 --force.\n",
  );
}
