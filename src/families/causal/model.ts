import Type, { type Static } from "typebox";
import { grid, Stack } from "../../model/shapes.js";
import { categoricalHead, diffusionHead } from "../heads/model.js";

/** See `FamilyTraits`. */
export const traits = {
  required: ["steps", "guidance_scale", "temperature"],
  optional: [
    "guidance_schedule",
    "guidance_steps",
    "top_k",
    "top_p",
    "diffusion_steps",
    "max_timestep",
    "diffusion_steps_final",
    "order",
  ],
  steps: { minimum: "tokens", maximum: "tokens" },
  samplers: [],
  canEdit: false,
  // The cache lies in the CPU's memory, and would be copied to the GPU whole in every step.
  runsOnGpus: false,
} as const;

/** A causal transformer over codes: LlamaGen. */
export const CausalArchitecture = Type.Object(
  {
    family: Type.Literal("causal"),
    ...grid,
    ...categoricalHead,
    transformer: Stack,
    norm_eps: Type.Number({ exclusiveMinimum: 0, description: "Epsilon of every RMSNorm." }),
    rope_base: Type.Number({ exclusiveMinimum: 0, description: "Base of the rotary positions." }),
  },
  { additionalProperties: false },
);
export type CausalArchitecture = Static<typeof CausalArchitecture>;

/** A causal generator of MAR's paper: MAR's decoder alone, which is told the position of the next token. */
const ordered = {
  family: Type.Literal("causal"),
  ...grid,
  attention: Type.Literal("causal"),
  order: Type.Union([Type.Literal("raster"), Type.Literal("random")], { description: "Of the tokens, in training." }),
  decoder: Stack,
  norm_eps: Type.Number({ exclusiveMinimum: 0, description: "LayerNorm epsilon of the blocks and the last norm." }),
};
export const OrderedDiffusion = Type.Object({ ...ordered, ...diffusionHead }, { additionalProperties: false });
export const OrderedCategorical = Type.Object({ ...ordered, ...categoricalHead }, { additionalProperties: false });
