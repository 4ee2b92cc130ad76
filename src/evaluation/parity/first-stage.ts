import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Type from "typebox";
import { openRuntime } from "../../engine/runtime/onnx.js";
import type { Runtime, RuntimeSettings, Tensor, Tensors } from "../../engine/runtime/runtime.js";
import { checkTensors, type TensorTable } from "../../importer/architecture/tensor-table.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { openCheckpoint } from "../../importer/checkpoint/open.js";
import { readJsonFile } from "../../importer/json-file.js";
import { writeWeightsFile } from "../../importer/model-folder.js";
import { Progress } from "../../importer/progress.js";
import { readTokenizer } from "../../importer/tokenizers/tokenizers.js";
import { chooseWeights } from "../../importer/weights/choose-weights.js";
import { copyCheckpoints } from "../../importer/weights/copy-checkpoints.js";
import { planWeights } from "../../importer/weights/weights-plan.js";
import type { WeightIndex } from "../../model/graph/weights.js";
import { MODEL_FILES } from "../../model/manifest.js";
import type { TokenizerArchitecture, TokenizerKind, VqTokenizer } from "../../model/tokenizer-architecture.js";
import { tokenizerOf } from "../../tokenizers/tokenizers.js";
import { buildDecodeCodes } from "../../tokenizers/vq/vq.js";
import type { Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/** What latent diffusion's configs state of a tokenizer. */
const FirstStageConfig = Type.Object({
  ddconfig: Type.Object({ resolution: Type.Integer({ minimum: 1 }) }),
  scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
});

/** The log-variance's bounds in latent diffusion's posterior. */
const LOG_VARIANCE = [-30, 20] as const;
/** Of the parity check's graphs. Recorded images are compared before they are rounded. */
const OPTIONS = { expose: true, rounding: "nearest" } as const;

/** A tokenizer without a generator, in a folder of its own. */
export class FirstStage {
  constructor(
    readonly tokenizer: TokenizerArchitecture,
    private readonly folder: string,
    private readonly weights: WeightIndex,
    private readonly settings: RuntimeSettings,
  ) {}

  /** Runs the tokenizer's `encode` on recorded inputs. */
  encode(inputs: Tensors): Promise<Tensors> {
    return this.#run("encode", tokenizerOf(this.tokenizer).buildEncode(this.tokenizer, this.weights, OPTIONS), inputs);
  }

  /** Runs the tokenizer's `decode`, or another one over the same weights. */
  decode(inputs: Tensors, graph?: (weights: WeightIndex, options: typeof OPTIONS) => Uint8Array): Promise<Tensors> {
    const decode = graph ?? ((...args) => tokenizerOf(this.tokenizer).buildDecode(this.tokenizer, ...args));
    return this.#run("decode", decode(this.weights, OPTIONS), inputs);
  }

  async #run(name: "encode" | "decode", graph: Uint8Array, inputs: Tensors): Promise<Tensors> {
    await writeFile(join(this.folder, MODEL_FILES[name]), graph);
    const runtime: Runtime = await openRuntime(this.folder, { ...this.settings, graphs: [name] });
    try {
      return await runtime.run(name, inputs);
    } finally {
      await runtime.close();
    }
  }
}

/** Imports a tokenizer's checkpoint into a new folder in `parent`, in float32. */
export async function openFirstStage(
  parent: string,
  path: string,
  config: string,
  settings: RuntimeSettings,
): Promise<FirstStage> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { ddconfig, scale } = await readJsonFile(config, FirstStageConfig);
    const { tensors } = chooseWeights(checkpoint, "tokenizer");
    const reading = readTokenizer(tensors);
    const { table } = reading;
    checkTensors("tokenizer", table, tensors);
    const tokenizer = reading.architecture(ddconfig.resolution / reading.stride, { scale });
    const folder = join(parent, "tokenizer");
    await mkdir(folder);
    return new FirstStage(tokenizer, folder, await writeWeights(folder, checkpoint, tensors, table), settings);
  } finally {
    await checkpoint.close();
  }
}

async function writeWeights(
  folder: string,
  checkpoint: Checkpoint,
  tensors: ReturnType<typeof chooseWeights>["tensors"],
  table: TensorTable,
): Promise<WeightIndex> {
  const source = { checkpoint, tensors, table, prefix: "tokenizer.", copy: MODEL_FILES.tokenizer };
  const { copied, converted, index, sizeBytes } = planWeights([source], "fp32");
  const progress = new Progress({}, sizeBytes);
  await copyCheckpoints(copied, folder, progress, "writing");
  await writeWeightsFile(folder, converted, progress, "writing");
  return index;
}

/** Compares the tensors of a recording with those of the same names. */
class Comparison {
  constructor(
    readonly stage: FirstStage,
    readonly recording: Recording,
    private readonly report: Report,
  ) {}

  async numbers(actual: Numbers, stage: string, name: string, allowed: number = ALLOWED.network): Promise<void> {
    this.report.numbers(this.recording.name, stage, name, allowed, actual, await this.recording.floats(name));
  }

  async codes(actual: Tensor, name: string): Promise<void> {
    const { data, shape } = await this.recording.tensor(name);
    const same = `${actual.data}` === `${data}` && `${actual.shape}` === `${shape}`;
    const differing = Array.from(data).filter((code, i) => code !== Number(actual.data[i])).length;
    this.report.holds(this.recording.name, "indices", name, same, `${differing} of ${data.length} differ`);
  }
}

const COMPARISONS: Record<TokenizerKind, (comparison: Comparison) => Promise<void>> = {
  kl: compareKl,
  vq: compareVq,
};

/** Compares a tokenizer's `stages.safetensors`: both halves, from their input to their output. */
export async function compareFirstStage(stage: FirstStage, recording: Recording, report: Report): Promise<void> {
  await COMPARISONS[stage.tokenizer.kind](new Comparison(stage, recording, report));
}

async function compareKl(comparison: Comparison): Promise<void> {
  const { stage, recording } = comparison;
  const encoded = await stage.encode({ image: await recording.floats("encode.image") });
  await comparison.numbers(encoded.encoder as Numbers, "encoder", "encode.encoder");
  await comparison.numbers(encoded.moments as Numbers, "moments", "encode.moments");
  const { shape, data: noise } = await recording.floats("encode.noise");
  const sample = { shape, data: posteriorSample(encoded.moments!.data as Float32Array, noise, shape[0]!) };
  await comparison.numbers(sample, "sample", "encode.sample");
  await compareDecoded(comparison);
}

async function compareVq(comparison: Comparison): Promise<void> {
  const { stage, recording } = comparison;
  const tokenizer = stage.tokenizer as VqTokenizer;
  const encoded = await stage.encode({ image: await recording.floats("encode.image") });
  await comparison.numbers(encoded.encoder as Numbers, "encoder", "encode.encoder");
  await comparison.numbers(encoded.latents as Numbers, "latents", "encode.latents");
  await comparison.codes(encoded.indices!, "encode.indices");
  await comparison.numbers(encoded.quantized as Numbers, "quantized", "encode.quantized");
  const decoded = await compareDecoded(comparison);
  await comparison.codes(decoded.indices!, "decode.indices");
  // The decoder itself, without the codebook, as a KL autoencoder's.
  const latents = await recording.floats("decode.latents");
  const { codes: _, ...autoencoder } = tokenizer;
  const kl = { ...autoencoder, kind: "kl" } as const;
  const unquantized = await stage.decode({ latents }, (...args) => tokenizerOf(kl).buildDecode(kl, ...args));
  await comparison.numbers(unquantized.image as Numbers, "without codebook", "decode.unquantized_image", ALLOWED.image);
  const { shape, data } = await recording.tensor("codes.indices");
  const codes = { shape, data: BigInt64Array.from(data, BigInt) };
  const image = await stage.decode({ codes }, (...args) => buildDecodeCodes(tokenizer, ...args));
  await comparison.numbers(image.image as Numbers, "image of codes", "codes.image", ALLOWED.image);
}

async function compareDecoded(comparison: Comparison): Promise<Tensors> {
  const decoded = await comparison.stage.decode({ latents: await comparison.recording.floats("decode.latents") });
  await comparison.numbers(decoded.post_quant as Numbers, "post_quant", "decode.post_quant");
  await comparison.numbers(decoded.mid as Numbers, "mid", "decode.mid");
  await comparison.numbers(decoded.image as Numbers, "image", "decode.image", ALLOWED.image);
  return decoded;
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
