import Type from "typebox";
import { checkStatement, count, optionalCount, readNamed } from "../../importer/architecture/statements.js";
import {
  classesOf,
  countModules,
  sidesOf,
  TableBuilder,
  type Tensors,
  type TensorTable,
  wholeRoot,
} from "../../importer/architecture/tensor-table.js";
import { ImportError } from "../../importer/error.js";
import type { GeneratorReading, ImportedFamily, PublishedSettings } from "../../importer/imported-family.js";
import type { TokenizerReading } from "../../importer/tokenizers/tokenizer-reading.js";
import type { AnyCausalArchitecture, Architecture, CausalArchitecture } from "../../model/manifest.js";
import { NEVER_HALVED, QUANTIZED_HEAD, QUANTIZED_STACKS } from "../heads/importing.js";
import { ORDERED_MARKER, orderedSettings, readOrdered } from "./importing/ordered.js";

/** A tensor that every LlamaGen has, and no MAR model and no DiT. */
const LLAMAGEN_MARKER = "tok_embeddings.weight";

const CLASSES = "cls_embedding.embedding_table.weight";

/** The class-conditional models (GPT_models of gpt.py). No tensor states the heads, nor how many tokens an image has. */
const PUBLISHED = {
  b: { dim: 768, n_layer: 12, n_head: 12 },
  l: { dim: 1024, n_layer: 24, n_head: 16 },
  xl: { dim: 1280, n_layer: 36, n_head: 20 },
  xxl: { dim: 1536, n_layer: 48, n_head: 24 },
  "3b": { dim: 3200, n_layer: 24, n_head: 32 },
} as const;
/** Sides of the images that they were trained on, and of their grids: the tokenizer's stride is 16. */
const GRIDS = { 256: 16, 384: 24 } as const;

/** `llamagen-b`, `llamagen-l-384` and the other published models, by name. Without a number images have 256 x 256 pixels. */
export const LLAMAGEN_SIZES: ReadonlyMap<string, LlamagenConfig> = new Map(
  Object.entries(PUBLISHED).flatMap(([name, model]) =>
    Object.entries(GRIDS).map(([side, grid]) => [
      `llamagen-${name}${side === "256" ? "" : `-${side}`}`,
      { model: { ...model, block_size: grid ** 2 } },
    ]),
  ),
);

const NORM_EPS = 1e-5;
const ROPE_BASE = 10_000;

interface LlamagenSizes {
  readonly width: number;
  readonly depth: number;
  readonly mlpWidth: number;
  readonly codes: number;
  readonly classCount: number;
}

/** `ModelArgs` of gpt.py; those that only training needs are ignored. */
const LlamagenConfig = Type.Object({
  model: Type.Object({
    n_head: count(),
    block_size: count(),
    dim: optionalCount(),
    n_layer: optionalCount(),
    vocab_size: optionalCount(),
    num_classes: optionalCount(),
    norm_eps: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    rope_base: Type.Optional(Type.Number({ exclusiveMinimum: 1 })),
    // Of these, only one value can be imported.
    n_kv_head: Type.Optional(Type.Union([count(), Type.Null()])),
    model_type: Type.Optional(Type.Literal("c2i")),
    cls_token_num: Type.Optional(Type.Literal(1)),
  }),
});
type LlamagenConfig = Type.Static<typeof LlamagenConfig>;

export const causal: ImportedFamily<AnyCausalArchitecture> = {
  markers: [LLAMAGEN_MARKER, ORDERED_MARKER],
  sizes: [...LLAMAGEN_SIZES.keys()],
  read: (tensors) => (tensors.has(ORDERED_MARKER) ? readOrdered(tensors) : readLlamagen(tensors)),
  isUnused: (name) => name === "freqs_cis", // old files have the rotary table
  settings: ({ generator }) => ("order" in generator ? orderedSettings(generator) : settingsOf(generator)),
  quantized: [
    /^(layers\.\d+\.(attention\.(wqkv|wo)|feed_forward\.w[123])|output)\.weight$/,
    QUANTIZED_STACKS,
    ...QUANTIZED_HEAD,
  ],
  neverHalved: NEVER_HALVED,
  verify: async (...args) => (await import("./importing/verify.js")).compareWithFloat32(...args),
};

function readLlamagen(tensors: Tensors): GeneratorReading {
  if (!tensors.has(CLASSES))
    throw new ImportError("The generator is a LlamaGen for text, not for classes, which Marimba can't serve.");
  const sizes = readSizes(tensors);
  const { shape: [rows] = [] } = tensors.get("layers.0.attention.wqkv.weight") ?? {};
  if (rows !== undefined && rows !== 3 * sizes.width)
    throw new ImportError(
      `Its queries, keys and values have ${rows} numbers for a width of ${sizes.width}: models with fewer heads of keys than of queries can't be imported.`,
    );
  return {
    table: llamagenTable(sizes),
    async complete(tokenizer, arch) {
      const { label, model } = await readStated(arch, sizes);
      checkClaims(label, model, sizes);
      return {
        architecture: combine(sizes, model, tokenizer),
        publishedSize: [...LLAMAGEN_SIZES].find(([, published]) => published.model.dim === sizes.width)?.[0],
        warnings: arch === undefined ? [TAKEN_FOR_256] : [],
      };
    },
  };
}

const TAKEN_FOR_256 =
  "No tensor states how many tokens an image has: the model was taken for one of 256 x 256 pixels. If it is one of 384 x 384, import it again with --arch llamagen-l-384, or the size that it has.";

function readSizes(tensors: Tensors): LlamagenSizes {
  const side = sidesOf("generator", tensors);
  return {
    codes: side(LLAMAGEN_MARKER, 0, 2),
    width: side(LLAMAGEN_MARKER, 1, 2),
    depth: countModules(tensors, "layers"),
    mlpWidth: side("layers.0.feed_forward.w1.weight", 0, 2),
    classCount: classesOf(tensors, CLASSES),
  };
}

/** Every tensor of a LlamaGen of these sizes (Transformer of gpt.py). No layer has a bias. */
export function llamagenTable({ width, depth, mlpWidth, codes, classCount }: LlamagenSizes): TensorTable {
  const t = new TableBuilder();
  t.tensor(CLASSES, classCount + 1, width);
  t.tensor(LLAMAGEN_MARKER, codes, width);
  for (let i = 0; i < depth; i++) {
    const layer = `layers.${i}`;
    t.tensor(`${layer}.attention_norm.weight`, width);
    t.tensor(`${layer}.attention.wqkv.weight`, 3 * width, width);
    t.tensor(`${layer}.attention.wo.weight`, width, width);
    t.tensor(`${layer}.ffn_norm.weight`, width);
    t.tensor(`${layer}.feed_forward.w1.weight`, mlpWidth, width);
    t.tensor(`${layer}.feed_forward.w3.weight`, mlpWidth, width);
    t.tensor(`${layer}.feed_forward.w2.weight`, width, mlpWidth);
  }
  t.tensor("norm.weight", width);
  t.tensor("output.weight", codes, width);
  return t.table;
}

async function readStated(
  arch: string | undefined,
  { width }: LlamagenSizes,
): Promise<LlamagenConfig & { readonly label: string }> {
  if (arch === undefined) {
    const published = [...LLAMAGEN_SIZES.values()].find(({ model }) => model.dim === width);
    if (published)
      return { label: "", model: { n_head: published.model.n_head, block_size: published.model.block_size } };
    throw new ImportError(
      `A LlamaGen of width ${width} is not one of the published ones, and no tensor states its heads and how many tokens an image has: state them with --arch config.json.`,
    );
  }
  return readNamed(arch, "a LlamaGen", LLAMAGEN_SIZES, LlamagenConfig);
}

/** Throws at the first statement that the tensors contradict, naming both values. */
function checkClaims(label: string, claims: LlamagenConfig["model"], sizes: LlamagenSizes): void {
  const { width, depth, codes, classCount } = sizes;
  const found = { dim: width, n_layer: depth, vocab_size: codes, num_classes: classCount } as const;
  for (const [field, actual] of Object.entries(found))
    checkStatement(label, field, claims[field as keyof typeof found], actual);
  checkStatement(label, "n_kv_head", claims.n_kv_head ?? undefined, claims.n_head);
  // Half of a head's pairs turn with the row, half with the column.
  if (width % (4 * claims.n_head) !== 0)
    throw new ImportError(
      `${label} states ${claims.n_head} heads, which do not divide the width of ${width} into heads of a multiple of 4.`,
    );
}

function combine(sizes: LlamagenSizes, stated: LlamagenConfig["model"], reading: TokenizerReading): Architecture {
  const { width, depth, mlpWidth, codes, classCount } = sizes;
  const { block_size, n_head, norm_eps = NORM_EPS, rope_base = ROPE_BASE } = stated;
  const grid = wholeRoot(block_size, `${block_size} tokens do not make a square grid.`);
  // Causal models can't edit images, so the encoder is not needed.
  const tokenizer = reading.withoutEncoder().architecture(grid, {});
  if (tokenizer.kind !== "vq" || tokenizer.codes !== codes)
    throw new ImportError(
      `The generator makes ${codes} codes, and the tokenizer has ${tokenizer.kind === "vq" ? tokenizer.codes : "none"}: they do not belong together.`,
    );
  return {
    generator: {
      family: "causal",
      grid_height: grid,
      grid_width: grid,
      token_count: block_size,
      token_channels: 1,
      latent_channels: 1,
      patch_size: 1,
      class_count: classCount,
      head_kind: "categorical",
      codes,
      transformer: { width, depth, heads: n_head, mlp_width: mlpWidth },
      norm_eps,
      rope_base,
    },
    tokenizer,
  };
}

/** Guidance of the published results, by width; all codes may be drawn, at temperature 1 (GETTING_STARTED.md of LlamaGen). */
const GUIDANCE: Readonly<Record<number, number>> = { 768: 2, 1024: 2, 1280: 1.75, 1536: 1.75, 3200: 1.65 };
const OTHER_GUIDANCE = 2;

function settingsOf({ transformer, token_count }: CausalArchitecture): PublishedSettings {
  const guidance_scale = GUIDANCE[transformer.width] ?? OTHER_GUIDANCE;
  return {
    defaults: {
      ...{ steps: token_count, guidance_scale, guidance_schedule: "constant", temperature: 1, top_k: 0, top_p: 1 },
      order: "raster",
    },
    presets: {
      exact: { description: "The sampler of the published results.", parameters: { guidance_scale, top_k: 0 } },
      plain: {
        description: "The official demo's guidance of 4 and 2000 likeliest codes: plainer and less varied.",
        parameters: { guidance_scale: 4, top_k: 2000 },
      },
    },
  };
}
