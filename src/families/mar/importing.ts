import { type Tensors, wholeRoot } from "../../importer/architecture/tensor-table.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { ImportError } from "../../importer/error.js";
import type { GeneratorReading, ImportedFamily } from "../../importer/imported-family.js";
import type { TokenizerReading } from "../../importer/tokenizers/tokenizer-reading.js";
import type { MarArchitecture } from "../../model/manifest.js";
import { cosineAlphaBars } from "../../model/sampler/diffusion-schedule.js";
import { marSettings } from "./importing/settings.js";
import { checkClaims, PUBLISHED_SIZES, readStated, type StatedArchitecture } from "./importing/stated.js";
import {
  type GeneratorSizes,
  generatorTable,
  isDerivedBuffer,
  readGeneratorSizes,
  type StackSizes,
} from "./importing/tensors.js";

/** Of alpha-bar, which is at most 1: a half-precision copy is closer. */
const SCHEDULE_TOLERANCE = 1e-3;

export const mar: ImportedFamily<MarArchitecture> = {
  marker: "mask_token",
  sizes: Object.keys(PUBLISHED_SIZES),
  read: readMar,
  isUnused: isDerivedBuffer,
  checkUnused: checkNoiseSchedule,
  settings: marSettings,
  quantized: [
    /^(en|de)coder_blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])\.weight$/,
    /^diffloss\.net\.res_blocks\.\d+\.(mlp\.[02]|adaLN_modulation\.1)\.weight$/,
    /^diffloss\.net\.final_layer\.adaLN_modulation\.1\.weight$/,
  ],
  // Its output is multiplied by up to 20,000 (1 / sqrt(alpha-bar)).
  neverHalved: /^diffloss\.net\.final_layer\.linear\./,
  verify: async (...args) => (await import("./importing/verify.js")).compareWithFloat32(...args),
};

function readMar(tensors: Tensors): GeneratorReading {
  const sizes = readGeneratorSizes(tensors);
  return {
    table: generatorTable(sizes),
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

/** Some training scripts store their noise schedule: a model of another one than the sampler's would make wrong images. */
async function checkNoiseSchedule(checkpoint: Checkpoint, generator: Tensors): Promise<void> {
  const expected = cosineAlphaBars();
  for (const [name, entry] of generator) {
    if (!/^diffloss\..*\balphas_cumprod$/.test(name) || entry.shape.join() !== `${expected.length}`) continue;
    const found = await checkpoint.readFloat32(entry);
    if (found.every((value, t) => Math.abs(value - expected[t]!) < SCHEDULE_TOLERANCE)) continue;
    throw new ImportError(
      `${checkpoint.path} was trained with a noise schedule other than cosine, the only supported one: ${name} differs.`,
    );
  }
}
