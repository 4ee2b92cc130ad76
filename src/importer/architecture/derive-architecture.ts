import { canEdit } from "../../model/edit.js";
import type { Architecture } from "../../model/manifest.js";
import { quote } from "../checkpoint/error.js";
import { ImportError } from "../error.js";
import {
  type GeneratorSizes,
  generatorTable,
  isDerivedBuffer,
  readGeneratorSizes,
  type StackSizes,
} from "./generator-tensors.js";
import { checkClaims, type PublishedSize, readStated, type StatedArchitecture } from "./stated-architecture.js";
import { checkTensors, listed, type Tensors, type TensorTable } from "./tensor-table.js";
import {
  NORM_GROUPS,
  readTokenizerSizes,
  TOKENIZER_NORM_EPS,
  type TokenizerSizes,
  tokenizerTable,
} from "./tokenizer-tensors.js";

/** The architecture that two checkpoints and `--arch` describe, every tensor checked. */
export interface DerivedArchitecture {
  readonly architecture: Architecture;
  /** The published model that has these sizes. */
  readonly publishedSize: PublishedSize | undefined;
  readonly generatorTable: TensorTable;
  readonly tokenizerTable: TensorTable;
  readonly warnings: readonly string[];
}

/**
 * Takes every size from the tensors' shapes and the rest from `arch` (a published size or the path of a config.json; inferred for the
 * published widths). Throws `ImportError` naming missing, surplus and misshapen tensors, and the first
 * statement that the tensors contradict.
 */
export async function deriveArchitecture(
  generator: Tensors,
  tokenizer: Tensors,
  arch: string | undefined,
): Promise<DerivedArchitecture> {
  const sizes = readGeneratorSizes(generator);
  const table = generatorTable(sizes);
  const surplus = [...generator].filter(([name]) => !table.has(name));
  // Not tensors at all (settings beside the weights), and tables that the sampler computes itself.
  const isUnused = ([name, { problem }]: (typeof surplus)[number]) => problem !== undefined || isDerivedBuffer(name);
  const unknown = surplus.filter((tensor) => !isUnused(tensor)).map(([name]) => name);
  checkTensors("generator", table, generator, unknown);
  const levels = readTokenizerSizes(tokenizer);
  const tokenizerNames = tokenizerTable(levels);
  checkTensors("tokenizer", tokenizerNames, tokenizer);
  const stated = await readStated(arch, [sizes.encoder.width, sizes.decoder.width]);
  const architecture = combine(sizes, levels, stated);
  checkClaims(stated, architecture);
  checkHeads(stated.label, architecture);
  const unused = {
    generator: surplus.filter(isUnused).map(([name]) => name),
    tokenizer: [...tokenizer.keys()].filter((name) => !tokenizerNames.has(name)),
  };
  const warnings = Object.entries(unused)
    .filter(([, names]) => names.length > 0)
    .map(([network, names]) => `The ${network} has tensors that are not used: ${listed(names.map(quote))}.`);
  if (!canEdit(architecture)) warnings.push("The tokenizer has no encoder, so the model can't edit images.");
  return {
    architecture,
    publishedSize: stated.publishedSize,
    generatorTable: table,
    tokenizerTable: tokenizerNames,
    warnings,
  };
}

function combine(sizes: GeneratorSizes, levels: TokenizerSizes, stated: StatedArchitecture): Architecture {
  const grid = wholeRoot(sizes.tokenCount, `${sizes.tokenCount} tokens do not make a square grid.`);
  const patch = wholeRoot(
    sizes.tokenChannels / levels.latentChannels,
    `The generator's ${sizes.tokenChannels} token channels divided by the tokenizer's ${levels.latentChannels} latent channels must be a square number.`,
  );
  const latentSide = grid * patch;
  const imageSide = latentSide * levels.stride;
  return {
    generator: {
      attention: "bidirectional",
      order: "random",
      head_kind: "diffusion",
      grid_height: grid,
      grid_width: grid,
      token_count: sizes.tokenCount,
      token_channels: sizes.tokenChannels,
      latent_channels: levels.latentChannels,
      patch_size: patch,
      buffer_size: sizes.bufferSize,
      class_count: sizes.classCount,
      encoder: stackOf(sizes.encoder, stated.encoderHeads),
      decoder: stackOf(sizes.decoder, stated.decoderHeads),
      head: sizes.head,
      norm_eps: stated.normEps,
      train_timesteps: 1000,
    },
    tokenizer: {
      kind: "kl",
      latent_channels: levels.latentChannels,
      latent_height: latentSide,
      latent_width: latentSide,
      image_height: imageSide,
      image_width: imageSide,
      scale: stated.scale,
      norm_groups: NORM_GROUPS,
      norm_eps: TOKENIZER_NORM_EPS,
      levels: levels.levels,
      ...(levels.encoderLevels && { encoder_levels: [...levels.encoderLevels] }),
    },
  };
}

function stackOf({ width, depth, mlpWidth }: StackSizes, heads: number) {
  return { width, depth, heads, mlp_width: mlpWidth };
}

function checkHeads(label: string, { generator }: Architecture): void {
  for (const name of ["encoder", "decoder"] as const) {
    const { width, heads } = generator[name];
    if (width % heads !== 0) {
      throw new ImportError(`${label} gives the ${name} ${heads} heads, which do not divide its width of ${width}.`);
    }
  }
}

function wholeRoot(value: number, otherwise: string): number {
  const root = Math.round(Math.sqrt(value));
  if (root < 1 || root * root !== value) throw new ImportError(otherwise);
  return root;
}
