import Type, { type Static } from "typebox";

/** What the shapes of generators and tokenizers are made of. */
export const size = (description: string) => Type.Integer({ minimum: 1, maximum: 1_048_576, description });

/** A stack of transformer blocks. */
export const Stack = Type.Object(
  {
    width: size("Channels."),
    depth: size("Blocks."),
    heads: size("Attention heads."),
    mlp_width: size("Hidden width."),
  },
  { additionalProperties: false },
);
export type Stack = Static<typeof Stack>;

/** What the generators of all families have. */
export const grid = {
  grid_height: size("Rows of tokens."),
  grid_width: size("Columns of tokens."),
  token_count: size("L = grid_height x grid_width."),
  token_channels: size("C = latent_channels x patch_size^2, laid out (c, p, q)."),
  latent_channels: size("Channels of the tokenizer's latent."),
  patch_size: size("Latent pixels along a token's side."),
  class_count: size("Classes; the row after the last is 'no class'."),
};
/** Of those that denoise. */
export const diffusion = { train_timesteps: Type.Literal(1000) };
