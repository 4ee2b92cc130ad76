import type { Autoencoder } from "../../model/tokenizer-architecture.js";
import { countModules, sidesOf, TableBuilder, type Tensors, type TensorTable } from "../architecture/tensor-table.js";
import { ImportError } from "../error.js";

/** GroupNorm of the KL autoencoders (models/vae.py of MAR, ldm/modules/diffusionmodules/model.py of latent diffusion). */
const NORM_GROUPS = 32;
const NORM_EPS = 1e-6;

/** A tensor that every autoencoder has. */
export const AUTOENCODER_MARKER = "decoder.conv_in.weight";

/** What the shapes of an autoencoder say. */
export interface AutoencoderSizes {
  readonly latentChannels: number;
  /** Channels between `post_quant_conv` and `decoder.conv_in`, and between the encoder and `quant_conv`. */
  readonly innerChannels: number;
  /** Channels of the decoder's middle blocks. */
  readonly topChannels: number;
  readonly levels: Autoencoder["levels"];
  /** Absent where the checkpoint has no encoder, or the model does not need it. */
  readonly encoderLevels?: NonNullable<Autoencoder["encoder_levels"]> | undefined;
  /** Pixels along the side of one latent pixel. */
  readonly stride: number;
}

export function readAutoencoderSizes(tensors: Tensors): AutoencoderSizes {
  const side = sidesOf("tokenizer", tensors);
  const sizes: AutoencoderSizes = {
    latentChannels: side("post_quant_conv.weight", 1, 4),
    innerChannels: side("decoder.conv_in.weight", 1, 4),
    topChannels: side("decoder.conv_in.weight", 0, 4),
    levels: readLevels(tensors),
    ...(tensors.has("encoder.conv_in.weight") && { encoderLevels: readEncoderLevels(tensors) }),
    stride: 2 ** (countModules(tensors, "decoder.up") - 1),
  };
  const { topChannels, levels, encoderLevels = [] } = sizes;
  if (sizes.encoderLevels && encoderLevels.length !== levels.length) {
    throw new ImportError(
      `The tokenizer's encoder has ${encoderLevels.length} levels and its decoder ${levels.length}: they must be as many for latents of one size.`,
    );
  }
  for (const channels of [topChannels, ...[...levels, ...encoderLevels].map((level) => level.channels)]) {
    if (channels % NORM_GROUPS !== 0) {
      throw new ImportError(
        `The tokenizer has a level of ${channels} channels; its GroupNorm needs multiples of ${NORM_GROUPS}.`,
      );
    }
  }
  return sizes;
}

/** `latentSide`: of the generator's latents, in latent pixels. */
export function autoencoderArchitecture(sizes: AutoencoderSizes, latentSide: number, scale: number): Autoencoder {
  const { latentChannels, stride, levels, encoderLevels } = sizes;
  const imageSide = latentSide * stride;
  return {
    latent_channels: latentChannels,
    latent_height: latentSide,
    latent_width: latentSide,
    image_height: imageSide,
    image_width: imageSide,
    scale,
    norm_groups: NORM_GROUPS,
    norm_eps: NORM_EPS,
    levels,
    ...(encoderLevels && { encoder_levels: [...encoderLevels] }),
  };
}

/** Levels from the highest index down, as they run; every level but the last doubles the image's side. */
function readLevels(tensors: Tensors): AutoencoderSizes["levels"] {
  const count = countModules(tensors, "decoder.up");
  if (count < 1 || count > 16) {
    throw new ImportError(
      `The tokenizer has ${count} levels named decoder.up.0, decoder.up.1 ...; 1 to 16 are possible.`,
    );
  }
  return Array.from({ length: count }, (_, i) => {
    const index = count - 1 - i;
    return { index, ...readLevel(tensors, `decoder.up.${index}`), upsample: index > 0 };
  });
}

/** Levels from the largest image down; every level but the last halves the image's side. */
export function readEncoderLevels(tensors: Tensors): NonNullable<AutoencoderSizes["encoderLevels"]> {
  const count = countModules(tensors, "encoder.down");
  return Array.from({ length: count }, (_, i) => readLevel(tensors, `encoder.down.${i}`));
}

function readLevel(tensors: Tensors, level: string) {
  return {
    channels: sidesOf("tokenizer", tensors)(`${level}.block.0.conv1.weight`, 0, 4),
    blocks: countModules(tensors, `${level}.block`),
    attention: [...tensors.keys()].some((name) => name.startsWith(`${level}.attn.`)),
  };
}

/**
 * Every tensor of the autoencoder that is used (models/vae.py of MAR). The encoder gives `encodedPerLatent` numbers for each
 * number of the latent.
 */
export function autoencoderTable(sizes: AutoencoderSizes, encodedPerLatent: 1 | 2): TensorTable {
  const t = new TableBuilder();
  t.conv("post_quant_conv", sizes.innerChannels, sizes.latentChannels, 1);
  t.conv("decoder.conv_in", sizes.topChannels, sizes.innerChannels, 3);
  addMiddle(t, "decoder.mid", sizes.topChannels);
  let channels = sizes.topChannels;
  for (const level of sizes.levels) {
    const name = `decoder.up.${level.index}`;
    channels = addLevel(t, name, channels, level);
    if (level.upsample) t.conv(`${name}.upsample.conv`, channels, channels, 3);
  }
  t.norm("decoder.norm_out", channels);
  t.conv("decoder.conv_out", 3, channels, 3);
  if (sizes.encoderLevels) addEncoder(t, sizes, sizes.encoderLevels, encodedPerLatent);
  return t.table;
}

function addEncoder(
  t: TableBuilder,
  sizes: AutoencoderSizes,
  levels: NonNullable<AutoencoderSizes["encoderLevels"]>,
  encodedPerLatent: 1 | 2,
): void {
  let { channels } = levels[0]!;
  t.conv("encoder.conv_in", channels, 3, 3);
  for (const [i, level] of levels.entries()) {
    channels = addLevel(t, `encoder.down.${i}`, channels, level);
    if (i < levels.length - 1) t.conv(`encoder.down.${i}.downsample.conv`, channels, channels, 3);
  }
  addMiddle(t, "encoder.mid", channels);
  t.norm("encoder.norm_out", channels);
  t.conv("encoder.conv_out", encodedPerLatent * sizes.innerChannels, channels, 3);
  t.conv("quant_conv", encodedPerLatent * sizes.latentChannels, encodedPerLatent * sizes.innerChannels, 1);
}

/** Returns the level's channels. */
function addLevel(
  t: TableBuilder,
  name: string,
  inputs: number,
  { channels, blocks, attention }: { readonly channels: number; readonly blocks: number; readonly attention: boolean },
): number {
  for (let i = 0; i < blocks; i++) {
    addResidual(t, `${name}.block.${i}`, i === 0 ? inputs : channels, channels);
    if (attention) addAttention(t, `${name}.attn.${i}`, channels);
  }
  return channels;
}

function addMiddle(t: TableBuilder, name: string, channels: number): void {
  addResidual(t, `${name}.block_1`, channels, channels);
  addAttention(t, `${name}.attn_1`, channels);
  addResidual(t, `${name}.block_2`, channels, channels);
}

function addResidual(t: TableBuilder, name: string, inputs: number, outputs: number): void {
  t.norm(`${name}.norm1`, inputs);
  t.conv(`${name}.conv1`, outputs, inputs, 3);
  t.norm(`${name}.norm2`, outputs);
  t.conv(`${name}.conv2`, outputs, outputs, 3);
  if (inputs !== outputs) t.conv(`${name}.nin_shortcut`, outputs, inputs, 1);
}

/** Latent diffusion saves its discriminator and its perceptual network beside the autoencoder. */
export const isOfLoss = (name: string): boolean => name.startsWith("loss.");

function addAttention(t: TableBuilder, name: string, channels: number): void {
  t.norm(`${name}.norm`, channels);
  for (const part of ["q", "k", "v", "proj_out"]) t.conv(`${name}.${part}`, channels, channels, 1);
}
