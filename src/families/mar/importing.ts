import type { Tensors } from "../../importer/architecture/tensor-table.js";
import type { Checkpoint } from "../../importer/checkpoint/checkpoint.js";
import { ImportError } from "../../importer/error.js";
import type { GeneratorReading, ImportedFamily } from "../../importer/imported-family.js";
import type { TokenizerReading } from "../../importer/tokenizers/tokenizer-reading.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import { cosineAlphaBars } from "../../model/sampler/diffusion-schedule.js";
import {
  checkHeads,
  gridOf,
  headOf,
  NEVER_HALVED,
  QUANTIZED_HEAD,
  QUANTIZED_STACKS,
  stackOf,
  tokenizerOf,
} from "../heads/importing.js";
import { marSettings } from "./importing/settings.js";
import { checkClaims, PUBLISHED_SIZES, readStated, type StatedArchitecture } from "./importing/stated.js";
import { type GeneratorSizes, generatorTable, isDerivedBuffer, readGeneratorSizes } from "./importing/tensors.js";

/** Of alpha-bar, which is at most 1: a half-precision copy is closer. */
const SCHEDULE_TOLERANCE = 1e-3;

export const mar: ImportedFamily<AnyMarArchitecture> = {
  markers: ["mask_token"],
  sizes: Object.keys(PUBLISHED_SIZES),
  read: readMar,
  isUnused: isDerivedBuffer,
  checkUnused: checkNoiseSchedule,
  settings: marSettings,
  quantized: [QUANTIZED_STACKS, ...QUANTIZED_HEAD],
  neverHalved: NEVER_HALVED,
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
      for (const name of ["encoder", "decoder"] as const) checkHeads(stated.label, name, architecture.generator[name]);
      return { architecture, publishedSize: stated.publishedSize };
    },
  };
}

function combine(sizes: GeneratorSizes, tokenizer: TokenizerReading, stated: StatedArchitecture) {
  const grid = gridOf(sizes, sizes.tokenCount, tokenizer);
  const generator: AnyMarArchitecture = {
    attention: "bidirectional",
    order: "random",
    ...grid,
    ...headOf(sizes),
    buffer_size: sizes.bufferSize,
    class_count: sizes.classCount,
    encoder: stackOf(sizes.encoder, stated.encoderHeads),
    decoder: stackOf(sizes.decoder, stated.decoderHeads),
    norm_eps: stated.normEps,
  };
  return { generator, tokenizer: tokenizerOf(sizes, tokenizer, grid.grid_height * grid.patch_size, stated) };
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
