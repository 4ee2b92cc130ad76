import type { TokenizerArchitecture } from "../../model/manifest.js";
import { ImportError } from "../error.js";
import { countModules, sideOf, TableBuilder, type Tensors, type TensorTable } from "./tensor-table.js";

const NETWORK = "tokenizer";
/** The KL-16 family's GroupNorm (models/vae.py of the reference). */
export const NORM_GROUPS = 32;
export const TOKENIZER_NORM_EPS = 1e-6;

/** What the shapes of an autoencoder's decoder say. */
export interface TokenizerSizes {
  readonly latentChannels: number;
  /** Channels between `post_quant_conv` and `decoder.conv_in`. */
  readonly innerChannels: number;
  /** Channels of the middle blocks. */
  readonly topChannels: number;
  readonly levels: TokenizerArchitecture["levels"];
  /** Pixels along the side of one latent pixel. */
  readonly stride: number;
}

export function readTokenizerSizes(tensors: Tensors): TokenizerSizes {
  const side = (name: string, axis: number, rank: number) => sideOf(NETWORK, tensors, name, axis, rank);
  const sizes: TokenizerSizes = {
    latentChannels: side("post_quant_conv.weight", 1, 4),
    innerChannels: side("decoder.conv_in.weight", 1, 4),
    topChannels: side("decoder.conv_in.weight", 0, 4),
    levels: readLevels(tensors),
    stride: 2 ** (countModules(tensors, "decoder.up") - 1),
  };
  for (const channels of [sizes.topChannels, ...sizes.levels.map((level) => level.channels)]) {
    if (channels % NORM_GROUPS !== 0) {
      throw new ImportError(
        `The tokenizer has a level of ${channels} channels; its GroupNorm needs multiples of ${NORM_GROUPS}.`,
      );
    }
  }
  return sizes;
}

/** Levels from the highest index down, as they run; every level but the last doubles the image's side. */
function readLevels(tensors: Tensors): TokenizerSizes["levels"] {
  const count = countModules(tensors, "decoder.up");
  if (count < 1 || count > 16) {
    throw new ImportError(
      `The tokenizer has ${count} levels named decoder.up.0, decoder.up.1 ...; 1 to 16 are possible.`,
    );
  }
  const names = [...tensors.keys()];
  return Array.from({ length: count }, (_, i) => {
    const index = count - 1 - i;
    const level = `decoder.up.${index}`;
    return {
      index,
      channels: sideOf(NETWORK, tensors, `${level}.block.0.conv1.weight`, 0, 4),
      blocks: countModules(tensors, `${level}.block`),
      attention: names.some((name) => name.startsWith(`${level}.attn.`)),
      upsample: index > 0,
    };
  });
}

/** Every tensor of the autoencoder's decoding half (models/vae.py of the reference). */
export function tokenizerTable(sizes: TokenizerSizes): TensorTable {
  const t = new TableBuilder();
  t.conv("post_quant_conv", sizes.innerChannels, sizes.latentChannels, 1);
  t.conv("decoder.conv_in", sizes.topChannels, sizes.innerChannels, 3);
  addResidual(t, "decoder.mid.block_1", sizes.topChannels, sizes.topChannels);
  addAttention(t, "decoder.mid.attn_1", sizes.topChannels);
  addResidual(t, "decoder.mid.block_2", sizes.topChannels, sizes.topChannels);
  let channels = sizes.topChannels;
  for (const level of sizes.levels) {
    const name = `decoder.up.${level.index}`;
    for (let i = 0; i < level.blocks; i++) {
      addResidual(t, `${name}.block.${i}`, channels, level.channels);
      channels = level.channels;
      if (level.attention) addAttention(t, `${name}.attn.${i}`, channels);
    }
    if (level.upsample) t.conv(`${name}.upsample.conv`, channels, channels, 3);
  }
  t.norm("decoder.norm_out", channels);
  t.conv("decoder.conv_out", 3, channels, 3);
  return t.table;
}

/** Tensors outside the decoder, except the encoder's; they cause a warning. */
export function unknownTokenizerTensors(table: TensorTable, tensors: Tensors): string[] {
  return [...tensors.keys()].filter((name) => !table.has(name) && !/^(encoder|quant_conv)\./.test(name));
}

function addResidual(t: TableBuilder, name: string, inputs: number, outputs: number): void {
  t.norm(`${name}.norm1`, inputs);
  t.conv(`${name}.conv1`, outputs, inputs, 3);
  t.norm(`${name}.norm2`, outputs);
  t.conv(`${name}.conv2`, outputs, outputs, 3);
  if (inputs !== outputs) t.conv(`${name}.nin_shortcut`, outputs, inputs, 1);
}

function addAttention(t: TableBuilder, name: string, channels: number): void {
  t.norm(`${name}.norm`, channels);
  for (const part of ["q", "k", "v", "proj_out"]) t.conv(`${name}.${part}`, channels, channels, 1);
}
