import Type, { type Static } from "typebox";
import { diffusion, grid, Stack, size } from "../../model/shapes.js";

/** See `FamilyTraits`. */
export const traits = {
  required: ["steps", "guidance_scale", "guidance_schedule", "temperature", "diffusion_steps", "max_timestep", "order"],
  optional: ["diffusion_steps_final", "reconstruction_steps"],
  steps: { minimum: 1, maximum: "tokens" },
  samplers: [],
  graphs: ["predict", "denoise", "decode"],
  canEdit: true,
  runsOnGpus: true,
} as const;

/** Shapes of a MAR generator, enough to build its graphs and to drive the sampler. */
export const MarArchitecture = Type.Object(
  {
    ...grid,
    ...diffusion,
    attention: Type.Literal("bidirectional"),
    order: Type.Literal("random"),
    head_kind: Type.Literal("diffusion"),
    buffer_size: size("Buffer tokens, each holding the class embedding."),
    encoder: Stack,
    decoder: Stack,
    head: Type.Object(
      { width: size("Channels."), depth: size("Residual blocks."), frequency_channels: size("Timestep sinusoids.") },
      { additionalProperties: false },
    ),
    norm_eps: Type.Number({
      exclusiveMinimum: 0,
      description: "LayerNorm epsilon of the two stacks' blocks and norms.",
    }),
  },
  { additionalProperties: false },
);
export type MarArchitecture = Static<typeof MarArchitecture>;
