import Type from "typebox";
import { diffusion, size } from "../../model/shapes.js";

/** What samples a token given the transformer's output z: a diffusion of the token's numbers ... */
export const diffusionHead = {
  ...diffusion,
  head_kind: Type.Literal("diffusion"),
  head: Type.Object(
    { width: size("Channels."), depth: size("Residual blocks."), frequency_channels: size("Timestep sinusoids.") },
    { additionalProperties: false },
  ),
};

/** ... or a draw from the probabilities of codes. A token's latent is then the number of its code, so it has one channel. */
export const categoricalHead = {
  head_kind: Type.Literal("categorical"),
  codes: size("Entries of the tokenizer's codebook."),
};
