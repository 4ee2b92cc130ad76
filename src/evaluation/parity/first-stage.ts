import { join } from "node:path";
import Type from "typebox";
import type { RuntimeSettings, Tensors } from "../../engine/runtime/runtime.js";
import { checkTensors } from "../../importer/architecture/tensor-table.js";
import { openCheckpoint } from "../../importer/checkpoint/open.js";
import { readJsonFile } from "../../importer/json-file.js";
import { readTokenizer } from "../../importer/tokenizers/tokenizers.js";
import { chooseWeights } from "../../importer/weights/choose-weights.js";
import type { TokenizerArchitecture, TokenizerKind, VqTokenizer } from "../../model/tokenizer-architecture.js";
import { kl } from "../../tokenizers/kl/kl.js";
import { tokenizerOf } from "../../tokenizers/tokenizers.js";
import { buildDecodeCodes } from "../../tokenizers/vq/vq.js";
import { ParityError } from "./folder.js";
import { Comparison, LoneNetwork } from "./lone-network.js";
import type { Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

const pixels = Type.Integer({ minimum: 1 });
/** What latent diffusion's configs state of a tokenizer, and in `image_size` what LlamaGen's command line does. */
const FirstStageConfig = Type.Object({
  ddconfig: Type.Optional(Type.Object({ resolution: pixels })),
  image_size: Type.Optional(pixels),
  scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
});

/** The log-variance's bounds in latent diffusion's posterior. */
const LOG_VARIANCE = [-30, 20] as const;

/** A tokenizer without a generator. */
export interface FirstStage {
  readonly tokenizer: TokenizerArchitecture;
  readonly network: LoneNetwork;
}

/** Imports a tokenizer's checkpoint into a new folder in `parent`. */
export async function openFirstStage(
  parent: string,
  path: string,
  config: string,
  settings: RuntimeSettings,
): Promise<FirstStage> {
  const checkpoint = await openCheckpoint(path);
  try {
    const { ddconfig, image_size, scale } = await readJsonFile(config, FirstStageConfig);
    const side = ddconfig?.resolution ?? image_size;
    if (side === undefined) throw new ParityError(`${config} states neither ddconfig.resolution nor image_size.`);
    const { tensors } = chooseWeights(checkpoint, "tokenizer");
    const reading = readTokenizer(tensors);
    const { table } = reading;
    checkTensors("tokenizer", table, tensors);
    const tokenizer = reading.architecture(side / reading.stride, { scale });
    const network = await LoneNetwork.import(join(parent, "tokenizer"), { checkpoint, tensors, table }, settings);
    return { tokenizer, network };
  } finally {
    await checkpoint.close();
  }
}

const COMPARISONS: Record<TokenizerKind, (stage: FirstStage, comparison: Comparison) => Promise<void>> = {
  kl: compareKl,
  vq: compareVq,
  // Its latents are normalised by numbers that are stated beside a generator.
  detok: () => Promise.reject(new Error("a DeTok is compared beside its generator")),
};

/** Compares a tokenizer's `stages.safetensors`: both halves, from their input to their output. */
export async function compareFirstStage(stage: FirstStage, recording: Recording, report: Report): Promise<void> {
  await COMPARISONS[stage.tokenizer.kind](stage, new Comparison(recording, report));
}

async function compareKl(stage: FirstStage, comparison: Comparison): Promise<void> {
  const { recording } = comparison;
  const encoded = await encodeRecorded(stage, comparison);
  await comparison.numbers(encoded.encoder as Numbers, "encoder", "encode.encoder");
  await comparison.numbers(encoded.moments as Numbers, "moments", "encode.moments");
  const { shape, data: noise } = await recording.floats("encode.noise");
  const sample = { shape, data: posteriorSample(encoded.moments!.data as Float32Array, noise, shape[0]!) };
  await comparison.numbers(sample, "sample", "encode.sample");
  await compareDecoded(stage, comparison);
}

async function compareVq(stage: FirstStage, comparison: Comparison): Promise<void> {
  const { recording } = comparison;
  const tokenizer = stage.tokenizer as VqTokenizer;
  const encoded = await encodeRecorded(stage, comparison);
  await comparison.numbers(encoded.encoder as Numbers, "encoder", "encode.encoder");
  await comparison.numbers(encoded.latents as Numbers, "latents", "encode.latents");
  await comparison.integers(encoded.indices!, "indices", "encode.indices");
  await comparison.numbers(encoded.quantized as Numbers, "quantized", "encode.quantized");
  const decoded = await compareDecoded(stage, comparison);
  await comparison.integers(decoded.indices!, "indices", "decode.indices");
  // The decoder itself, without the codebook, as a KL autoencoder's.
  const latents = await recording.floats("decode.latents");
  const { codes: _codes, l2_norm: _norm, ...autoencoder } = tokenizer;
  const decoder = { ...autoencoder, kind: "kl" } as const;
  const unquantized = await stage.network.run("decode", (...args) => kl.buildDecode(decoder, ...args), { latents });
  const { image } = unquantized;
  await comparison.numbers(image as Numbers, "without codebook", "decode.unquantized_image", ALLOWED.image);
  const { shape, data } = await recording.tensor("codes.indices");
  const [images = 0, ...grid] = shape;
  const codes = { shape: [images, 1, ...grid], data: Float32Array.from(data) };
  const ofCodes = await stage.network.run("decode", (...args) => buildDecodeCodes(tokenizer, ...args), {
    latents: codes,
  });
  await comparison.numbers(ofCodes.image as Numbers, "image of codes", "codes.image", ALLOWED.image);
}

async function encodeRecorded({ network, tokenizer }: FirstStage, { recording }: Comparison): Promise<Tensors> {
  const image = await recording.floats("encode.image");
  return network.run("encode", (...args) => tokenizerOf(tokenizer).buildEncode(tokenizer, ...args), { image });
}

async function compareDecoded({ network, tokenizer }: FirstStage, comparison: Comparison): Promise<Tensors> {
  const latents = await comparison.recording.floats("decode.latents");
  const build = tokenizerOf(tokenizer).buildDecode;
  const decoded = await network.run("decode", (...args) => build(tokenizer, ...args), { latents });
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
