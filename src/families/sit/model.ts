import Type, { type Static } from "typebox";
import { diffusionTransformer } from "../dit/model.js";

/** See `FamilyTraits`. */
export const traits = {
  required: ["steps", "guidance_scale", "sampler"],
  optional: [],
  steps: { minimum: 2, maximum: 1000 },
  samplers: ["euler", "heun", "sde"],
  canEdit: false,
  runsOnGpus: true,
} as const;

export const SitArchitecture = Type.Object(
  {
    family: Type.Literal("sit"),
    ...diffusionTransformer,
    learn_sigma: Type.Boolean({ description: "Whether the last layer has a second half, which sampling ignores." }),
  },
  { additionalProperties: false },
);
export type SitArchitecture = Static<typeof SitArchitecture>;
