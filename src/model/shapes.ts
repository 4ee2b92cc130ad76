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
