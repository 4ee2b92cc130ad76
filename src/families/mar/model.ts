import Type, { type Static } from "typebox";
import { grid, Stack, size } from "../../model/shapes.js";
import { categoricalHead, diffusionHead } from "../heads/model.js";

/** See `FamilyTraits`. */
export const traits = {
  required: ["steps", "guidance_scale", "guidance_schedule", "temperature", "diffusion_steps", "max_timestep", "order"],
  optional: ["diffusion_steps_final", "reconstruction_steps", "top_k", "top_p", "confidence_noise"],
  steps: { minimum: 1, maximum: "tokens" },
  samplers: [],
  canEdit: true,
  runsOnGpus: true,
} as const;

/** Shapes of a MAR generator, enough to build its graphs and to drive the sampler. */
const network = {
  ...grid,
  attention: Type.Literal("bidirectional"),
  order: Type.Literal("random"),
  buffer_size: size("Buffer tokens, each holding the class embedding."),
  encoder: Stack,
  decoder: Stack,
  norm_eps: Type.Number({
    exclusiveMinimum: 0,
    description: "LayerNorm epsilon of the two stacks' blocks and norms.",
  }),
};
export const MarArchitecture = Type.Object({ ...network, ...diffusionHead }, { additionalProperties: false });
export type MarArchitecture = Static<typeof MarArchitecture>;

/** MAR trained with cross-entropy in place of the diffusion loss. */
export const CategoricalMarArchitecture = Type.Object(
  { ...network, ...categoricalHead },
  { additionalProperties: false },
);
export type CategoricalMarArchitecture = Static<typeof CategoricalMarArchitecture>;
