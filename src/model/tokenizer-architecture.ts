import Type, { type Static } from "typebox";
import { Stack, size } from "./shapes.js";

/** What the tokenizers of all kinds have. */
const latentsAndImages = {
  latent_channels: size("Channels of the latent."),
  latent_height: size("Rows of the latent."),
  latent_width: size("Columns of the latent."),
  image_height: size("Pixels."),
  image_width: size("Pixels."),
};

const block = {
  channels: size("Channels after the level's blocks."),
  blocks: size("Residual blocks."),
  attention: Type.Boolean({ description: "Attention after each block." }),
};

/** The convolutional autoencoder of latent diffusion: its decoder and, where the model has it, its encoder. */
const autoencoder = {
  norm_groups: size("GroupNorm groups."),
  norm_eps: Type.Number({ exclusiveMinimum: 0 }),
  /** Up levels in the order they run (from the smallest image to the largest). */
  levels: Type.Array(
    Type.Object(
      {
        index: Type.Integer({ minimum: 0, maximum: 16, description: "The i of decoder.up.i." }),
        ...block,
        upsample: Type.Boolean(),
      },
      { additionalProperties: false },
    ),
    { minItems: 1, maxItems: 16 },
  ),
  encoder_levels: Type.Optional(
    Type.Array(Type.Object(block, { additionalProperties: false }), {
      minItems: 1,
      maxItems: 16,
      description:
        "Levels of the encoder, from the largest image to the smallest; each but the last halves the image. Absent: the model can't edit images.",
    }),
  ),
};

/** KL-16 and KL-8: an autoencoder with a normal posterior. */
export const KlTokenizer = Type.Object(
  {
    kind: Type.Literal("kl"),
    ...latentsAndImages,
    scale: Type.Number({ exclusiveMinimum: 0, description: "image = decode(latent / scale)." }),
    ...autoencoder,
  },
  { additionalProperties: false },
);
export type KlTokenizer = Static<typeof KlTokenizer>;

const latentNumbers = (description: string, number = Type.Number()) =>
  Type.Array(number, { minItems: 1, maxItems: 1_048_576, description });

/** l-DeTok: two vision transformers. A token of the latent is a patch of the image. */
export const DetokTokenizer = Type.Object(
  {
    kind: Type.Literal("detok"),
    ...latentsAndImages,
    latent_mean: latentNumbers("Of each channel: decode(latent x std + mean)."),
    latent_std: latentNumbers("Of each channel.", Type.Number({ exclusiveMinimum: 0 })),
    decoder: Stack,
    encoder: Type.Optional(Stack),
  },
  { additionalProperties: false },
);
export type DetokTokenizer = Static<typeof DetokTokenizer>;

/** Shapes of a tokenizer, by its kind. */
export const TokenizerArchitecture = Type.Union([KlTokenizer, DetokTokenizer]);
export type TokenizerArchitecture = Static<typeof TokenizerArchitecture>;
export type TokenizerKind = TokenizerArchitecture["kind"];

/** What the blocks of the convolutional autoencoder need to know. */
export type Autoencoder = Pick<KlTokenizer, keyof typeof autoencoder | keyof typeof latentsAndImages>;

/** Whether the model has the tokenizer's encoder, which edits need. */
export function hasEncoder(tokenizer: TokenizerArchitecture): boolean {
  return (tokenizer.kind === "detok" ? tokenizer.encoder : tokenizer.encoder_levels) !== undefined;
}
