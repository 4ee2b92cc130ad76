import type { Stack } from "../../model/shapes.js";
import type { DetokTokenizer } from "../../model/tokenizer-architecture.js";
import {
  countModules,
  sidesOf,
  TableBuilder,
  type Tensors,
  type TensorTable,
  wholeRoot,
} from "../architecture/tensor-table.js";
import { ImportError } from "../error.js";
import type { LatentStatistics } from "./latent-statistics.js";
import type { ImportedTokenizer, StatedTokenizer, TokenizerReading } from "./tokenizer-reading.js";

/** A tensor that every DeTok has once. */
export const DETOK_MARKER = "decoder.positional_embedding";
/** Heads of the published widths (models/model_utils.py of the official code): no tensor states them. */
const PUBLISHED_HEADS: ReadonlyMap<number, number> = new Map([
  [512, 8],
  [768, 12],
  [1024, 16],
  [1152, 16],
  [1280, 16],
]);

type Half = "encoder" | "decoder";
type StackSizes = Omit<Stack, "heads">;

/** What the shapes say. */
interface DetokSizes {
  readonly latentChannels: number;
  readonly tokenCount: number;
  /** Pixels along a patch. */
  readonly patchSide: number;
  readonly decoder: StackSizes;
  /** Absent where the checkpoint has no encoder, or the model does not need it. */
  readonly encoder?: StackSizes | undefined;
}

/** l-DeTok (models/detok.py of the official code). */
export const detok: ImportedTokenizer = {
  marker: DETOK_MARKER,
  recognises: (tensors: Tensors) => tensors.has(DETOK_MARKER),
  read: (tensors: Tensors, statistics?: LatentStatistics) => readingOf(readSizes(tensors), statistics),
};

function readingOf(sizes: DetokSizes, statistics: LatentStatistics | undefined): TokenizerReading {
  return {
    latentChannels: sizes.latentChannels,
    stride: sizes.patchSide,
    table: tableOf(sizes),
    // It stands for the patches that training masks.
    isUnused: (name) => name === "decoder.mask_token",
    withoutEncoder: () => readingOf({ ...sizes, encoder: undefined }, statistics),
    architecture: (latentSide, stated) => architectureOf(sizes, latentSide, stated, statistics),
  };
}

function readSizes(tensors: Tensors): DetokSizes {
  const side = sidesOf("tokenizer", tensors);
  const stack = (half: Half): StackSizes => ({
    width: side(`${half}.positional_embedding`, 2, 3),
    depth: countModules(tensors, `${half}.transformer`),
    mlp_width: side(`${half}.transformer.0.mlp.w3.weight`, 1, 2),
  });
  const outputs = side("decoder.ffn.1.weight", 0, 4);
  return {
    latentChannels: side("decoder.decoder_embed.weight", 1, 2),
    tokenCount: side(DETOK_MARKER, 1, 3),
    patchSide: wholeRoot(
      outputs / 3,
      `The tokenizer's ${outputs} numbers for each patch are not those of a square in three colours.`,
    ),
    decoder: stack("decoder"),
    ...(tensors.has("encoder.positional_embedding") && { encoder: stack("encoder") }),
  };
}

/** Every tensor that is used. */
function tableOf({ latentChannels, tokenCount, patchSide, decoder, encoder }: DetokSizes): TensorTable {
  const t = new TableBuilder();
  t.linear("decoder.decoder_embed", decoder.width, latentChannels);
  addStack(t, "decoder", decoder, tokenCount);
  t.conv("decoder.ffn.1", 3 * patchSide ** 2, decoder.width, 1);
  t.conv("decoder.conv_out", 3, 3, 3);
  if (!encoder) return t.table;
  t.tensor("encoder.patch_embed.0.weight", encoder.width, 3, patchSide, patchSide);
  t.tensor("encoder.patch_embed.0.bias", encoder.width);
  addStack(t, "encoder", encoder, tokenCount);
  t.linear("encoder.latent_head", 2 * latentChannels, encoder.width); // means, then log variances
  return t.table;
}

function addStack(t: TableBuilder, half: Half, { width, depth, mlp_width }: StackSizes, tokenCount: number): void {
  t.tensor(`${half}.positional_embedding`, 1, tokenCount, width);
  t.tensor(`${half}.ln_pre.weight`, width);
  for (let i = 0; i < depth; i++) {
    const block = `${half}.transformer.${i}`;
    t.tensor(`${block}.norm1.weight`, width);
    t.linear(`${block}.attn.qkv`, 3 * width, width);
    t.linear(`${block}.attn.proj`, width, width);
    t.tensor(`${block}.norm2.weight`, width);
    t.linear(`${block}.mlp.w12`, 2 * mlp_width, width);
    t.linear(`${block}.mlp.w3`, width, mlp_width);
  }
  t.tensor(`${half}.ln_post.weight`, width);
}

function architectureOf(
  sizes: DetokSizes,
  latentSide: number,
  stated: StatedTokenizer,
  statistics: LatentStatistics | undefined,
): DetokTokenizer {
  const { latentChannels, tokenCount, patchSide } = sizes;
  if (latentSide ** 2 !== tokenCount) {
    throw new ImportError(
      `The tokenizer decodes ${tokenCount} tokens and the generator's latents have ${latentSide ** 2}: they do not belong together.`,
    );
  }
  const { encoder, decoder } = sizes;
  return {
    kind: "detok",
    latent_channels: latentChannels,
    latent_height: latentSide,
    latent_width: latentSide,
    image_height: latentSide * patchSide,
    image_width: latentSide * patchSide,
    ...statisticsOf(latentChannels, statistics),
    decoder: withHeads("decoder", decoder, stated),
    ...(encoder && { encoder: withHeads("encoder", encoder, stated) }),
  };
}

function withHeads(half: Half, sizes: StackSizes, { detok }: StatedTokenizer): Stack {
  const heads = detok?.[`${half}_num_heads`] ?? PUBLISHED_HEADS.get(sizes.width);
  if (heads === undefined) {
    throw new ImportError(
      `A DeTok ${half} of width ${sizes.width} is not one of the published ones, and no tensor states its number of heads: state detok.${half}_num_heads in --arch config.json.`,
    );
  }
  // Each half of a head turns by a row or a column, in pairs.
  if (sizes.width % (4 * heads) !== 0)
    throw new ImportError(
      `${heads} heads of the DeTok ${half} are not possible: its width of ${sizes.width} must be a multiple of four times as many.`,
    );
  return { ...sizes, heads };
}

/** The official file has those of all moments: means, which are the latents, then log variances. */
function statisticsOf(channels: number, statistics: LatentStatistics | undefined) {
  if (!statistics) {
    throw new ImportError(
      "DeTok's latents are normalised, and no tensor states by which numbers: give its stats.pkl, or a .json of mean and std, with --latent-stats.",
    );
  }
  const { label, mean, std } = statistics;
  const ofChannels = (name: string, values: readonly number[]) => {
    if (values.length === 1) return new Array<number>(channels).fill(values[0]!);
    if (values.length === channels || values.length === 2 * channels) return values.slice(0, channels);
    throw new ImportError(
      `${label} has a ${name} of ${values.length} numbers; the tokenizer's latents have ${channels} channels.`,
    );
  };
  const latent_mean = ofChannels("mean", mean);
  const latent_std = ofChannels("std", std);
  if (![...latent_mean, ...latent_std].every(Number.isFinite) || latent_std.some((value) => value <= 0))
    throw new ImportError(`${label} must have finite numbers, and deviations above zero.`);
  return { latent_mean, latent_std };
}
