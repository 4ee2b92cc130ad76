import Type from "typebox";
import { checkStatement, count, optionalCount, readNamed } from "../../../importer/architecture/statements.js";
import { type Tensors, wholeRoot } from "../../../importer/architecture/tensor-table.js";
import { ImportError } from "../../../importer/error.js";
import type { GeneratorReading } from "../../../importer/imported-family.js";
import type { TokenizerReading } from "../../../importer/tokenizers/tokenizer-reading.js";
import type { Architecture, DiffusionTransformer, DitArchitecture } from "../../../model/manifest.js";
import { type DitSizes, ditTable, readDitSizes } from "./tensors.js";

/** Heads of the published widths (models.py of the official code): no tensor states them. */
const PUBLISHED = {
  s: { width: 384, depth: 12, heads: 6 },
  b: { width: 768, depth: 12, heads: 12 },
  l: { width: 1024, depth: 24, heads: 16 },
  xl: { width: 1152, depth: 28, heads: 16 },
} as const;
const PUBLISHED_PATCHES = [2, 4, 8] as const;

/** The constructor's arguments; those that only training needs are ignored. */
const DitClaims = Type.Object({
  num_heads: count(),
  hidden_size: optionalCount(),
  depth: optionalCount(),
  patch_size: optionalCount(),
  input_size: optionalCount(),
  in_channels: optionalCount(),
  num_classes: optionalCount(),
  mlp_ratio: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1024 })),
  learn_sigma: Type.Optional(Type.Boolean()),
});
type DitClaims = Type.Static<typeof DitClaims>;
export const DitConfig = Type.Object({
  family: Type.Optional(Type.Union([Type.Literal("dit"), Type.Literal("sit")])),
  model: DitClaims,
  /** The only diffusion that can be imported. */
  diffusion: Type.Optional(
    Type.Object({
      steps: Type.Optional(Type.Literal(1000)),
      noise_schedule: Type.Optional(Type.Literal("linear")),
    }),
  ),
  scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  vae: Type.Optional(Type.Object({ scale: Type.Optional(Type.Unknown()) })),
});
type DitConfig = Type.Static<typeof DitConfig>;

/** The published sizes of a family, such as `dit-xl-2`, by name. */
export function publishedSizes(family: NonNullable<DitConfig["family"]>): ReadonlyMap<string, DitConfig> {
  return new Map(
    Object.entries(PUBLISHED).flatMap(([name, { heads: num_heads, width: hidden_size, depth }]) =>
      PUBLISHED_PATCHES.map((patch_size) => [
        `${family}-${name}-${patch_size}`,
        { family, model: { num_heads, hidden_size, depth, patch_size } },
      ]),
    ),
  );
}

/** What one family makes of the network. */
interface NetworkFamily {
  readonly sizes: ReadonlyMap<string, DitConfig>;
  /** What the reader of an import whose family nothing states should know. */
  readonly assumption: string;
  /** Throws `ImportError` where such sizes are no model of the family, which `label` states. */
  check?(sizes: DitSizes, label: string): void;
  generator(network: Omit<DitArchitecture, "family">, sizes: DitSizes): DiffusionTransformer;
}

/** Reads a generator with the network of a DiT. */
export function readDit(tensors: Tensors, family: NetworkFamily): GeneratorReading {
  const sizes = readDitSizes(tensors);
  return {
    table: ditTable(sizes),
    async complete(tokenizer, arch) {
      const stated = await readStated(arch, sizes, family.sizes);
      family.check?.(sizes, stated.label);
      checkClaims(stated, sizes);
      return {
        architecture: combine(sizes, stated, tokenizer, family),
        publishedSize: [...family.sizes].find(([, { model }]) => model.hidden_size === sizes.width)?.[0],
        warnings: stated.family === undefined ? [family.assumption] : [],
      };
    },
  };
}

interface Stated extends DitConfig {
  /** `dit-xl-2`, or the config's path. */
  readonly label: string;
}

async function readStated(
  arch: string | undefined,
  { width }: DitSizes,
  published: NetworkFamily["sizes"],
): Promise<Stated> {
  if (arch === undefined) {
    const size = Object.values(PUBLISHED).find((one) => one.width === width);
    if (size) return { label: "", model: { num_heads: size.heads } };
    throw new ImportError(
      `A DiT or SiT of width ${width} is not one of the published ones, and no tensor states its number of heads: state it with --arch config.json.`,
    );
  }
  const stated = await readNamed(arch, "a DiT or SiT", published, DitConfig);
  if (stated.vae?.scale !== undefined)
    throw new ImportError(
      `${arch} states vae.scale, which is for a MAR: a DiT's or SiT's scale stands at the top, as "scale".`,
    );
  return stated;
}

/** Throws at the first statement that the tensors contradict, naming both values. */
function checkClaims({ label, model: claims }: Stated, sizes: DitSizes): void {
  const found: Partial<Record<keyof DitClaims, number | boolean | undefined>> = {
    hidden_size: sizes.width,
    depth: sizes.depth,
    patch_size: sizes.patchSize,
    input_size: Math.sqrt(sizes.tokenCount) * sizes.patchSize,
    in_channels: sizes.latentChannels,
    num_classes: sizes.classCount,
    learn_sigma: sizes.learnSigma,
    mlp_ratio:
      sizes.mlpWidth === Math.floor(sizes.width * (claims.mlp_ratio ?? 0))
        ? claims.mlp_ratio
        : sizes.mlpWidth / sizes.width,
  };
  for (const [field, actual] of Object.entries(found))
    checkStatement(label, field, claims[field as keyof DitClaims], actual);
  if (sizes.width % claims.num_heads !== 0)
    throw new ImportError(
      `${label} states ${claims.num_heads} heads, which do not divide the width of ${sizes.width}.`,
    );
}

function combine(sizes: DitSizes, stated: Stated, tokenizer: TokenizerReading, family: NetworkFamily): Architecture {
  const grid = wholeRoot(sizes.tokenCount, `${sizes.tokenCount} tokens do not make a square grid.`);
  const { width, depth, mlpWidth, latentChannels, patchSize } = sizes;
  if (latentChannels !== tokenizer.latentChannels) {
    throw new ImportError(
      `The generator's latents have ${latentChannels} channels and the tokenizer's ${tokenizer.latentChannels}: they do not belong together.`,
    );
  }
  const network = {
    grid_height: grid,
    grid_width: grid,
    token_count: sizes.tokenCount,
    token_channels: latentChannels * patchSize ** 2,
    latent_channels: latentChannels,
    patch_size: patchSize,
    class_count: sizes.classCount,
    train_timesteps: 1000,
    transformer: { width, depth, heads: stated.model.num_heads, mlp_width: mlpWidth },
    frequency_channels: sizes.frequencyChannels,
  } as const;
  return {
    generator: family.generator(network, sizes),
    // Only edits need the encoder.
    tokenizer: tokenizer.withoutEncoder().architecture(grid * patchSize, stated),
  };
}
