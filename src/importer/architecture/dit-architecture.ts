import Type from "typebox";
import type { Architecture } from "../../model/manifest.js";
import { ImportError } from "../error.js";
import type { TokenizerReading } from "../tokenizers/tokenizer-reading.js";
import type { GeneratorReading } from "./generator-reading.js";
import { checkStatement, count, optionalCount, readNamed } from "./statements.js";
import {
  classesOf,
  countModules,
  sideOf,
  TableBuilder,
  type Tensors,
  type TensorTable,
  wholeRoot,
} from "./tensor-table.js";

const NETWORK = "generator";
/** A tensor that every DiT and every SiT has, and no MAR model. */
export const DIT_MARKER = "y_embedder.embedding_table.weight";

/** Heads of the published widths (models.py of the official code): no tensor states them. */
const PUBLISHED = {
  s: { width: 384, depth: 12, heads: 6 },
  b: { width: 768, depth: 12, heads: 12 },
  l: { width: 1024, depth: 24, heads: 16 },
  xl: { width: 1152, depth: 28, heads: 16 },
} as const;
const PUBLISHED_PATCHES = [2, 4, 8] as const;

const FAMILIES = ["dit", "sit"] as const;

/** `dit-xl-2`, `sit-xl-2` and the other published sizes, by name. */
export const DIT_SIZES: ReadonlyMap<string, DitConfig> = new Map(
  FAMILIES.flatMap((family) =>
    Object.entries(PUBLISHED).flatMap(([name, { heads: num_heads, width: hidden_size, depth }]) =>
      PUBLISHED_PATCHES.map((patch_size) => [
        `${family}-${name}-${patch_size}`,
        { family, model: { num_heads, hidden_size, depth, patch_size } },
      ]),
    ),
  ),
);

/** What a DiT's or a SiT's shapes say. */
export interface DitSizes {
  readonly width: number;
  readonly depth: number;
  readonly mlpWidth: number;
  readonly latentChannels: number;
  readonly patchSize: number;
  readonly tokenCount: number;
  readonly classCount: number;
  readonly frequencyChannels: number;
  /** Whether the last layer has two numbers for each of the latent's. */
  readonly learnSigma: boolean;
}

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
const DitConfig = Type.Object({
  family: Type.Optional(Type.Union([Type.Literal("dit"), Type.Literal("sit")])),
  model: DitClaims,
  scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
});
type DitConfig = Type.Static<typeof DitConfig>;

export function readDit(tensors: Tensors): GeneratorReading {
  const sizes = readDitSizes(tensors);
  return {
    table: ditTable(sizes),
    isUnused: () => false,
    async complete(tokenizer, arch) {
      const stated = await readStated(arch, sizes);
      checkClaims(stated, sizes);
      return {
        architecture: combine(sizes, stated, tokenizer),
        publishedSize: [...DIT_SIZES].find(([, { model }]) => model.hidden_size === sizes.width)?.[0],
        warnings: arch === undefined ? [sizes.learnSigma ? TAKEN_FOR_DIT : TAKEN_FOR_SIT] : [],
      };
    },
  };
}

const TAKEN_FOR_DIT =
  "The generator was imported as a DiT. A SiT has the same tensors: if it is one, import it again with --arch sit-xl-2, or the size that it has.";
const TAKEN_FOR_SIT =
  "The generator was imported as a SiT, because its last layer predicts no variance. A DiT without it is not supported.";

export function readDitSizes(tensors: Tensors): DitSizes {
  const side = (name: string, axis: number, rank: number) => sideOf(NETWORK, tensors, name, axis, rank);
  const latentChannels = side("x_embedder.proj.weight", 1, 4);
  const patchSize = side("x_embedder.proj.weight", 2, 4);
  return {
    width: side("x_embedder.proj.weight", 0, 4),
    depth: countModules(tensors, "blocks"),
    mlpWidth: side("blocks.0.mlp.fc1.weight", 0, 2),
    latentChannels,
    patchSize,
    tokenCount: side("pos_embed", 1, 3),
    classCount: classesOf(tensors, DIT_MARKER),
    frequencyChannels: side("t_embedder.mlp.0.weight", 1, 2),
    learnSigma: side("final_layer.linear.weight", 0, 2) !== latentChannels * patchSize ** 2,
  };
}

/** Every tensor of a DiT or a SiT of these sizes (models.py of the official code). Its norms have none. */
export function ditTable(sizes: DitSizes): TensorTable {
  const { width, mlpWidth, latentChannels, patchSize, learnSigma } = sizes;
  const t = new TableBuilder();
  t.tensor("pos_embed", 1, sizes.tokenCount, width);
  t.tensor("x_embedder.proj.weight", width, latentChannels, patchSize, patchSize);
  t.tensor("x_embedder.proj.bias", width);
  t.linear("t_embedder.mlp.0", width, sizes.frequencyChannels);
  t.linear("t_embedder.mlp.2", width, width);
  t.tensor(DIT_MARKER, sizes.classCount + 1, width);
  for (let i = 0; i < sizes.depth; i++) {
    const block = `blocks.${i}`;
    t.linear(`${block}.attn.qkv`, 3 * width, width);
    t.linear(`${block}.attn.proj`, width, width);
    t.linear(`${block}.mlp.fc1`, mlpWidth, width);
    t.linear(`${block}.mlp.fc2`, width, mlpWidth);
    t.linear(`${block}.adaLN_modulation.1`, 6 * width, width); // shift, scale, gate of attention, then of the MLP
  }
  t.linear("final_layer.adaLN_modulation.1", 2 * width, width); // shift, scale
  // eps, variance interpolation; velocity and, with learn_sigma, as much that nothing uses
  t.linear("final_layer.linear", (learnSigma ? 2 : 1) * latentChannels * patchSize ** 2, width);
  return t.table;
}

interface Stated extends DitConfig {
  /** `dit-xl-2`, or the config's path. */
  readonly label: string;
}

async function readStated(arch: string | undefined, { width }: DitSizes): Promise<Stated> {
  if (arch === undefined) {
    const published = Object.values(PUBLISHED).find((size) => size.width === width);
    if (published) return { label: "", model: { num_heads: published.heads } };
    throw new ImportError(
      `A DiT or SiT of width ${width} is not one of the published ones, and no tensor states its number of heads: state it with --arch config.json.`,
    );
  }
  return readNamed(arch, "a DiT or SiT", DIT_SIZES, DitConfig);
}

/** Throws at the first statement that the tensors contradict, naming both values. */
function checkClaims({ label, family, model: claims }: Stated, sizes: DitSizes): void {
  if (family === "dit" && !sizes.learnSigma)
    throw new ImportError(
      `${label} is a DiT, but the generator's last layer predicts no variance. If it is a SiT, use --arch sit-xl-2, or the size that it has.`,
    );
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

/** Without a statement, a model whose last layer predicts a variance is a DiT. */
function combine(sizes: DitSizes, stated: Stated, tokenizer: TokenizerReading): Architecture {
  const { family = sizes.learnSigma ? "dit" : "sit" } = stated;
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
    generator: family === "dit" ? { family, ...network } : { family, ...network, learn_sigma: sizes.learnSigma },
    // Only edits need the encoder.
    tokenizer: tokenizer.withoutEncoder().architecture(grid * patchSize, stated),
  };
}
