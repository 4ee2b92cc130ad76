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
  ...latentsAndImages,
  scale: Type.Number({ exclusiveMinimum: 0, description: "image = decode(latent / scale)." }),
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
export const KlTokenizer = Type.Object({ kind: Type.Literal("kl"), ...autoencoder }, { additionalProperties: false });
export type KlTokenizer = Static<typeof KlTokenizer>;

/** VQ-16: an autoencoder with a codebook. Its latents are those before quantization. */
export const VqTokenizer = Type.Object(
  {
    kind: Type.Literal("vq"),
    ...autoencoder,
    codes: size("Entries of the codebook."),
    l2_norm: Type.Optional(Type.Boolean({ description: "Codes are divided by their length, as LlamaGen's are." })),
  },
  { additionalProperties: false },
);
export type VqTokenizer = Static<typeof VqTokenizer>;

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
export const TokenizerArchitecture = Type.Union([KlTokenizer, VqTokenizer, DetokTokenizer]);
export type TokenizerArchitecture = Static<typeof TokenizerArchitecture>;
export type TokenizerKind = TokenizerArchitecture["kind"];

/** What the blocks of the convolutional autoencoder need to know. */
export type Autoencoder = Pick<KlTokenizer, keyof typeof autoencoder>;

/** Channels of the latents that the consistency decoder takes. */
export const DECODER_CHANNELS = 4;

/** Another decoder of KL-8's latents: OpenAI's consistency decoder, a U-Net that makes the image in two steps from noise. */
export const ConsistencyDecoder = Type.Object(
  {
    kind: Type.Literal("consistency"),
    channels: Type.Array(size("Channels of a level."), {
      minItems: 1,
      maxItems: 16,
      description: "From the largest image to the smallest; each level but the last halves the image.",
    }),
    blocks: size("Residual blocks of a level on the way down; on the way up there is one more."),
    norm_groups: size("GroupNorm groups."),
    norm_eps: Type.Number({ exclusiveMinimum: 0 }),
    clamp: Type.Boolean({
      description: "Whether each step's image is clamped to [-1, 1], as the official code does and diffusers does not.",
    }),
  },
  { additionalProperties: false },
);
export type ConsistencyDecoder = Static<typeof ConsistencyDecoder>;

/** Whether the model has the tokenizer's encoder, which edits need. */
export function hasEncoder(tokenizer: TokenizerArchitecture): boolean {
  return (tokenizer.kind === "detok" ? tokenizer.encoder : tokenizer.encoder_levels) !== undefined;
}
