import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Type from "typebox";
import { openRuntime } from "../../engine/runtime/onnx.js";
import type { Runtime, RuntimeOptions, Tensors } from "../../engine/runtime/runtime.js";
import { checkTensors } from "../../importer/architecture/tensor-table.js";
import {
  publishedScale,
  readTokenizerSizes,
  tokenizerArchitecture,
  tokenizerTable,
} from "../../importer/architecture/tokenizer-tensors.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../importer/checkpoint/open.js";
import { readJsonFile } from "../../importer/json-file.js";
import { writeWeightsFile } from "../../importer/model-folder.js";
import { Progress } from "../../importer/progress.js";
import { chooseWeights } from "../../importer/weights/choose-weights.js";
import { copyCheckpoints } from "../../importer/weights/copy-checkpoints.js";
import { planWeights } from "../../importer/weights/weights-plan.js";
import { buildDecode } from "../../model/graph/decode-graph.js";
import { buildEncode } from "../../model/graph/encode-graph.js";
import { MODEL_FILES, type TokenizerArchitecture } from "../../model/manifest.js";
import type { Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/** What latent diffusion's configs state of a tokenizer. */
const FirstStageConfig = Type.Object({
  ddconfig: Type.Object({ resolution: Type.Integer({ minimum: 1 }) }),
  scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
});

/** The log-variance's bounds in latent diffusion's posterior. */
const LOG_VARIANCE = [-30, 20] as const;

/** A tokenizer without a generator. */
export interface FirstStage {
  readonly tokenizer: TokenizerArchitecture;
  readonly runtime: Runtime;
}

/** Imports a tokenizer's checkpoint into a new folder in `parent`: both graphs, exposed, in float32. */
export async function openFirstStage(
  parent: string,
  path: string,
  config: string,
  options: RuntimeOptions,
): Promise<FirstStage> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { ddconfig, scale } = await readJsonFile(config, FirstStageConfig);
    const { tensors } = chooseWeights(checkpoint, "tokenizer");
    const sizes = readTokenizerSizes(tensors);
    const table = tokenizerTable(sizes);
    checkTensors("tokenizer", table, tensors);
    const side = ddconfig.resolution / sizes.stride;
    const tokenizer = tokenizerArchitecture(sizes, side, scale ?? publishedScale(sizes));
    const folder = join(parent, "tokenizer");
    await mkdir(folder);
    await writeFiles(folder, checkpoint, { tensors, table, tokenizer });
    return { tokenizer, runtime: await openRuntime(folder, { ...options, graphs: ["decode", "encode"] }) };
  } finally {
    await checkpoint.close();
  }
}

async function writeFiles(
  folder: string,
  checkpoint: Checkpoint,
  {
    tokenizer,
    ...network
  }: Pick<Parameters<typeof planWeights>[0][number], "tensors" | "table"> & {
    readonly tokenizer: TokenizerArchitecture;
  },
): Promise<void> {
  const source = { checkpoint, ...network, prefix: "tokenizer.", copy: MODEL_FILES.tokenizer };
  const { copied, converted, index, sizeBytes } = planWeights([source], "fp32");
  const progress = new Progress({}, sizeBytes);
  await copyCheckpoints(copied, folder, progress, "writing");
  await writeWeightsFile(folder, converted, progress, "writing");
  const graphs = {
    decode: buildDecode(tokenizer, index, { expose: true, rounding: "nearest" }),
    encode: buildEncode(tokenizer, index, { expose: true }),
  } as const;
  for (const graph of ["decode", "encode"] as const) await writeFile(join(folder, MODEL_FILES[graph]), graphs[graph]);
}

/** Compares a tokenizer's `stages.safetensors`: both halves, from their input to their output. */
export async function compareFirstStage(stage: FirstStage, recording: Recording, report: Report): Promise<void> {
  const encoded = await runOn(stage.runtime, recording, "encode", "image");
  await compare(encoded, "encoder", "encode.encoder", ALLOWED.network);
  await compare(encoded, "moments", "encode.moments", ALLOWED.network);
  const noise = await recording.floats("encode.noise");
  const sample = {
    shape: noise.shape,
    data: posteriorSample(encoded.moments!.data as Float32Array, noise.data, noise.shape[0]!),
  };
  report.numbers(
    recording.name,
    "sample",
    "encode.sample",
    ALLOWED.network,
    sample,
    await recording.floats("encode.sample"),
  );
  const decoded = await runOn(stage.runtime, recording, "decode", "latents");
  await compare(decoded, "post_quant", "decode.post_quant", ALLOWED.network);
  await compare(decoded, "mid", "decode.mid", ALLOWED.network);
  await compare(decoded, "image", "decode.image", ALLOWED.image);

  async function compare(outputs: Tensors, output: string, name: string, allowed: number): Promise<void> {
    report.numbers(recording.name, output, name, allowed, outputs[output] as Numbers, await recording.floats(name));
  }
}

async function runOn(
  runtime: Runtime,
  recording: Recording,
  graph: "encode" | "decode",
  input: string,
): Promise<Tensors> {
  return runtime.run(graph, { [input]: await recording.floats(`${graph}.${input}`) });
}

/** mean + exp(log variance / 2) noise; each image's moments are its means, then its log variances. */
function posteriorSample(moments: Float32Array, noise: Float32Array, images: number): Float32Array {
  const size = noise.length / images;
  return noise.map((value, i) => {
    const mean = 2 * size * Math.floor(i / size) + (i % size);
    const [least, most] = LOG_VARIANCE;
    const logVariance = Math.min(most, Math.max(least, moments[mean + size]!));
    return moments[mean]! + Math.exp(logVariance / 2) * value;
  });
}
