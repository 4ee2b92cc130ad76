import type { MarArchitecture } from "../../model/manifest.js";
import { ImportError } from "../error.js";
import type { TokenizerReading } from "../tokenizers/tokenizer-reading.js";
import type { GeneratorReading } from "./generator-reading.js";
import {
  type GeneratorSizes,
  generatorTable,
  isDerivedBuffer,
  readGeneratorSizes,
  type StackSizes,
} from "./generator-tensors.js";
import { checkClaims, readStated, type StatedArchitecture } from "./stated-architecture.js";
import { type Tensors, wholeRoot } from "./tensor-table.js";

export function readMar(tensors: Tensors): GeneratorReading {
  const sizes = readGeneratorSizes(tensors);
  return {
    table: generatorTable(sizes),
    isUnused: isDerivedBuffer,
    async complete(tokenizer, arch) {
      const stated = await readStated(arch, [sizes.encoder.width, sizes.decoder.width]);
      const architecture = combine(sizes, tokenizer, stated);
      checkClaims(stated, architecture);
      checkHeads(stated.label, architecture.generator);
      return { architecture, publishedSize: stated.publishedSize };
    },
  };
}

function combine(sizes: GeneratorSizes, tokenizer: TokenizerReading, stated: StatedArchitecture) {
  const grid = wholeRoot(sizes.tokenCount, `${sizes.tokenCount} tokens do not make a square grid.`);
  const patch = wholeRoot(
    sizes.tokenChannels / tokenizer.latentChannels,
    `The generator's ${sizes.tokenChannels} token channels divided by the tokenizer's ${tokenizer.latentChannels} latent channels must be a square number.`,
  );
  const generator: MarArchitecture = {
    attention: "bidirectional",
    order: "random",
    head_kind: "diffusion",
    grid_height: grid,
    grid_width: grid,
    token_count: sizes.tokenCount,
    token_channels: sizes.tokenChannels,
    latent_channels: tokenizer.latentChannels,
    patch_size: patch,
    buffer_size: sizes.bufferSize,
    class_count: sizes.classCount,
    encoder: stackOf(sizes.encoder, stated.encoderHeads),
    decoder: stackOf(sizes.decoder, stated.decoderHeads),
    head: sizes.head,
    norm_eps: stated.normEps,
    train_timesteps: 1000,
  };
  return { generator, tokenizer: tokenizer.architecture(grid * patch, stated) };
}

function stackOf({ width, depth, mlpWidth }: StackSizes, heads: number) {
  return { width, depth, heads, mlp_width: mlpWidth };
}

function checkHeads(label: string, generator: MarArchitecture): void {
  for (const name of ["encoder", "decoder"] as const) {
    const { width, heads } = generator[name];
    if (width % heads !== 0) {
      throw new ImportError(`${label} gives the ${name} ${heads} heads, which do not divide its width of ${width}.`);
    }
  }
}
