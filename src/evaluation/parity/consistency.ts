import { join } from "node:path";
import Type from "typebox";
import { ConsistencyDecoder as Engine } from "../../engine/consistency-decoder.js";
import type { Tensor, Tensors } from "../../engine/runtime/runtime.js";
import { openCheckpoint } from "../../importer/checkpoint/open.js";
import { readJsonFile } from "../../importer/json-file.js";
import {
  type AutoencoderSizes,
  autoencoderArchitecture,
  autoencoderTable,
  readEncoderLevels,
} from "../../importer/tokenizers/autoencoder-tensors.js";
import { readDecoderSizes } from "../../importer/tokenizers/consistency.js";
import { chooseWeights } from "../../importer/weights/choose-weights.js";
import { GraphBuilder } from "../../model/graph/builder.js";
import type { WeightIndex } from "../../model/graph/weights.js";
import type { ConsistencyDecoder, KlTokenizer } from "../../model/tokenizer-architecture.js";
import { buildConsistency } from "../../tokenizers/consistency/consistency.js";
import { consistencySteps } from "../../tokenizers/consistency/schedule.js";
import { unet } from "../../tokenizers/consistency/unet.js";
import { kl } from "../../tokenizers/kl/kl.js";
import { Comparison, LoneNetwork } from "./lone-network.js";
import { PIXEL_RULES, pixelsFollow } from "./pixels.js";
import { part, type Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/** What diffusers' config states, and no tensor. */
const DecoderConfig = Type.Object({
  decoder_norm_num_groups: Type.Integer({ minimum: 1 }),
  encoder_norm_num_groups: Type.Integer({ minimum: 1 }),
});

/** A consistency decoder, and the KL encoder that diffusers saves beside it. */
export interface LoneDecoder {
  readonly decoder: ConsistencyDecoder;
  /** Its latents are not scaled. */
  readonly tokenizer: KlTokenizer;
  readonly network: LoneNetwork;
}

/** Imports a decoder's checkpoint into a new folder in `parent`. `side`: of the recorded images, in pixels. */
export async function openDecoder(
  parent: string,
  path: string,
  config: string,
  side: number,
  threads: number,
): Promise<LoneDecoder> {
  const checkpoint = await openCheckpoint(path);
  try {
    const groups = await readJsonFile(config, DecoderConfig);
    const { tensors } = chooseWeights(checkpoint, "decoder");
    const { decoder, table } = readDecoderSizes(tensors, groups.decoder_norm_num_groups, true);
    const encoderLevels = readEncoderLevels(tensors);
    const sizes: AutoencoderSizes = {
      latentChannels: tensors.get("quant_conv.weight")!.shape[0]! / 2,
      innerChannels: tensors.get("encoder.conv_out.weight")!.shape[0]! / 2,
      topChannels: encoderLevels.at(-1)!.channels,
      levels: [],
      encoderLevels,
      stride: 2 ** (encoderLevels.length - 1),
    };
    const encoder = [...autoencoderTable(sizes, 2)].filter(([name]) => /^(encoder|quant_conv)\./.test(name));
    const source = { checkpoint, tensors, table: new Map([...table, ...encoder]) };
    const tokenizer: KlTokenizer = {
      kind: "kl",
      ...autoencoderArchitecture(sizes, side / sizes.stride, 1),
      norm_groups: groups.encoder_norm_num_groups,
    };
    return { decoder, tokenizer, network: await LoneNetwork.import(join(parent, "decoder"), source, threads) };
  } finally {
    await checkpoint.close();
  }
}

/** Compares a consistency decoder's `stages.safetensors`: schedule, U-Net, both samplers, and the encoder. */
export async function compareDecoder(model: LoneDecoder, recording: Recording, report: Report): Promise<void> {
  const comparison = new Comparison(recording, report);
  await compareSchedule(comparison);
  await compareUnet(model, comparison);
  for (const [sampler, clamp] of [
    ["official", true],
    ["diffusers", false],
  ] as const)
    await compareSampler({ ...model, decoder: { ...model.decoder, clamp } }, comparison, sampler);
  const image = await recording.floats("encode.image");
  const build = (...args: [WeightIndex, { expose: boolean }]) => kl.buildEncode(model.tokenizer, ...args);
  const { moments } = await model.network.run("encode", build, { image });
  await comparison.numbers(moments as Numbers, "moments", "encode.moments");
}

async function compareSchedule(comparison: Comparison): Promise<void> {
  const steps = consistencySteps();
  const shape = [steps.length];
  await comparison.integers({ shape, data: steps.map(({ timestep }) => timestep) }, "timesteps", "timestep");
  const columns = {
    sqrt_alphas_cumprod: "signal",
    sqrt_one_minus_alphas_cumprod: "noise",
    c_skip: "skip",
    c_out: "out",
    c_in: "in",
  } as const;
  for (const [name, column] of Object.entries(columns))
    await comparison.numbers({ shape, data: steps.map((step) => step[column]) }, "coefficients", name);
}

async function compareUnet({ decoder, network }: LoneDecoder, comparison: Comparison): Promise<void> {
  const { recording } = comparison;
  const input = await recording.floats("unet.input");
  const t = await recording.tensor("unet.t");
  const build = (weights: WeightIndex) => {
    const g = GraphBuilder.model("consistency", weights);
    const x = g.input("input", "float32", ["images", 7, "h", "w"]);
    const timesteps = g.input("t", "int64", ["images"]);
    g.output("out", unet(g, decoder, x, timesteps, { expose: true }), "float32", ["images", 6, "h", "w"]);
    return g.encode();
  };
  const timesteps = { shape: t.shape, data: BigInt64Array.from(t.data, BigInt) };
  const outputs = await network.run("consistency", build, { input, t: timesteps });
  for (const [name, tensor] of Object.entries(outputs))
    await comparison.numbers(tensor as Numbers, `unet: ${name.replace(/\.\d+$/, "")}`, `unet.${name}`);
}

/** Compares every image of a sampling run as the engine makes it, on the recorded noise. */
async function compareSampler(
  { decoder, tokenizer, network }: LoneDecoder,
  { recording, report }: Comparison,
  sampler: "official" | "diffusers",
): Promise<void> {
  const runtime = {
    run: (_: string, inputs: Tensors) =>
      network.run("consistency", (...args) => buildConsistency(tokenizer, decoder, ...args), inputs),
    close: async () => {},
  };
  const engine = new Engine(runtime, tokenizer);
  const recorded = async (name: string) => recording.floats(name);
  const [latents, noise, features] = [await recorded("latents"), await recorded("noise"), await recorded("features")];
  const [inputs, networks] = [await recorded(`${sampler}.input`), await recorded(`${sampler}.network`)];
  const images = await recorded(`${sampler}.image`);
  for (let image = 0; image < images.shape[0]!; image++) {
    const at = (k: number) => `${sampler} image ${image} step ${k}`;
    const compare = (stage: string, where: string, actual: Tensor | undefined, expected: Numbers, allowed: number) =>
      report.numbers(recording.name, stage, where, allowed, withoutBatch(actual), expected);
    let last: Tensors = {};
    let k = 0;
    for await (const outputs of engine.steps(part(latents, image).data, (step) => stepOf(noise, step, image).data)) {
      last = outputs;
      compare("features", at(k), outputs.features, part(features, image), ALLOWED.network);
      compare("input", at(k), outputs.input, stepOf(inputs, k, image), ALLOWED.network);
      compare("network", at(k), outputs.network, stepOf(networks, k, image), ALLOWED.network);
      k++;
    }
    compare(`image, ${sampler}`, at(1), last.x0, part(images, image), ALLOWED.image);
    const plane = tokenizer.image_height * tokenizer.image_width;
    const [x0, pixels] = [last.x0?.data as Float32Array, last.pixels?.data as Uint8Array];
    const follow = pixelsFollow(x0, pixels, plane, "nearest");
    report.holds(recording.name, "pixels", at(1), follow, `a pixel is not ${PIXEL_RULES.nearest} of the image`);
  }
}

/** Image `image` of step k, of a tensor [steps, images, ...]. */
function stepOf(tensor: { shape: readonly number[]; data: Float32Array }, k: number, image: number) {
  return part(part(tensor, k), image);
}

function withoutBatch(tensor: Tensor | undefined): Numbers {
  return { shape: tensor?.shape.slice(1) ?? [], data: (tensor?.data as Float32Array) ?? [] };
}
