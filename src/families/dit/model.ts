import Type, { type Static } from "typebox";
import { diffusion, grid, Stack, size } from "../../model/shapes.js";

/** See `FamilyTraits`. */
export const traits = {
  required: ["steps", "guidance_scale", "sampler"],
  optional: [],
  steps: { minimum: 2, maximum: 1000 },
  samplers: ["ddpm", "ddim"],
  canEdit: false,
  runsOnGpus: true,
} as const;

/** Shapes of a diffusion transformer's network. */
export const diffusionTransformer = {
  ...grid,
  ...diffusion,
  transformer: Stack,
  frequency_channels: size("Timestep sinusoids."),
};

export const DitArchitecture = Type.Object(
  { family: Type.Literal("dit"), ...diffusionTransformer },
  { additionalProperties: false },
);
export type DitArchitecture = Static<typeof DitArchitecture>;
