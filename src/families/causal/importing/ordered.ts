import Type from "typebox";
import { checkStatement, count, optionalCount } from "../../../importer/architecture/statements.js";
import { sidesOf, TableBuilder, type Tensors, type TensorTable } from "../../../importer/architecture/tensor-table.js";
import { ImportError } from "../../../importer/error.js";
import type { GeneratorReading, PublishedSettings } from "../../../importer/imported-family.js";
import { readJsonFile } from "../../../importer/json-file.js";
import type { OrderedArchitecture } from "../../../model/manifest.js";
import {
  addHead,
  addInputs,
  addStack,
  checkHeads,
  gridOf,
  type HeadSizes,
  headOf,
  readHead,
  readStack,
  type StackSizes,
  stackOf,
  tokenizerOf,
} from "../../heads/importing.js";

/** A tensor that every causal generator of MAR's paper has, and no other. */
export const ORDERED_MARKER = "target_pos_embed_learned";

/** The constructor arguments of `Causal` in training/networks/causal.py; those that only training needs are ignored. */
const OrderedConfig = Type.Object({
  causal: Type.Object({
    order: Type.Union([Type.Literal("raster"), Type.Literal("random")]),
    decoder_num_heads: count(),
    norm_eps: Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
    decoder_embed_dim: optionalCount(),
    decoder_depth: optionalCount(),
    patch_size: optionalCount(),
    class_num: optionalCount(),
    codes: optionalCount(),
  }),
  vae: Type.Optional(Type.Object({ scale: Type.Optional(Type.Number({ exclusiveMinimum: 0 })) })),
});

type OrderedSizes = HeadSizes & {
  readonly tokenCount: number;
  readonly classCount: number;
  readonly decoder: StackSizes;
};

/** Reads a causal generator of MAR's paper, as training/ publishes it; no official code or weights exist. */
export function readOrdered(tensors: Tensors): GeneratorReading {
  const side = sidesOf("generator", tensors);
  const sizes: OrderedSizes = {
    tokenCount: side(ORDERED_MARKER, 1, 3),
    classCount: side("class_emb.weight", 0, 2),
    decoder: readStack(tensors, "decoder", side(ORDERED_MARKER, 2, 3)),
    ...readHead(tensors),
  };
  return {
    table: orderedTable(sizes),
    async complete(tokenizer, arch) {
      if (!arch?.endsWith(".json"))
        throw new ImportError(
          "No tensor states the order of a causal generator, nor its heads: state them with --arch config.json, as training/ writes it.",
        );
      const { causal: stated, vae = {} } = await readJsonFile(arch, OrderedConfig);
      const grid = gridOf(sizes, sizes.tokenCount, tokenizer);
      const generator: OrderedArchitecture = {
        family: "causal",
        attention: "causal",
        order: stated.order,
        ...grid,
        ...headOf(sizes),
        class_count: sizes.classCount,
        decoder: stackOf(sizes.decoder, stated.decoder_num_heads),
        norm_eps: stated.norm_eps,
      };
      checkHeads(arch, "decoder", generator.decoder);
      const found = {
        decoder_embed_dim: generator.decoder.width,
        decoder_depth: generator.decoder.depth,
        patch_size: generator.patch_size,
        class_num: generator.class_count,
        codes: generator.head_kind === "categorical" ? generator.codes : undefined,
      } as const;
      for (const [field, actual] of Object.entries(found))
        checkStatement(arch, `causal.${field}`, stated[field as keyof typeof found], actual);
      const architecture = {
        generator,
        tokenizer: tokenizerOf(sizes, tokenizer.withoutEncoder(), grid.grid_height * grid.patch_size, vae),
      };
      return { architecture, publishedSize: undefined };
    },
  };
}

/** Every tensor of such a generator. */
export function orderedTable(sizes: OrderedSizes): TensorTable {
  const t = new TableBuilder();
  const { decoder, tokenCount } = sizes;
  addInputs(t, sizes, sizes.classCount, decoder.width);
  t.tensor("decoder_pos_embed_learned", 1, 1 + tokenCount, decoder.width);
  t.tensor(ORDERED_MARKER, 1, tokenCount, decoder.width);
  addStack(t, "decoder", decoder);
  addHead(t, sizes, decoder.width);
  return t.table;
}

/** Guidance is the user's to choose: nothing was published. */
export function orderedSettings({ head_kind, token_count, order }: OrderedArchitecture): PublishedSettings {
  const own = head_kind === "diffusion" ? { diffusion_steps: 100, max_timestep: 999 } : { top_k: 0, top_p: 1 };
  return {
    defaults: { steps: token_count, guidance_scale: 3, guidance_schedule: "linear", temperature: 1, order, ...own },
    presets: {},
  };
}
