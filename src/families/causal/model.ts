import Type, { type Static } from "typebox";
import { grid, Stack, size } from "../../model/shapes.js";

/** See `FamilyTraits`. */
export const traits = {
  required: ["steps", "guidance_scale", "temperature"],
  optional: ["guidance_steps", "top_k", "top_p"],
  steps: { minimum: "tokens", maximum: "tokens" },
  samplers: [],
  graphs: ["predict", "decode"],
  canEdit: false,
  // CUDA would run its attention on the CPU, and WebGPU would copy the whole cache in every step.
  runsOnGpus: false,
} as const;

/** A causal transformer over codes: LlamaGen. A token's latent is the number of its code, so it has one channel. */
export const CausalArchitecture = Type.Object(
  {
    family: Type.Literal("causal"),
    ...grid,
    head_kind: Type.Literal("categorical"),
    codes: size("Entries of the tokenizer's codebook."),
    transformer: Stack,
    norm_eps: Type.Number({ exclusiveMinimum: 0, description: "Epsilon of every RMSNorm." }),
    rope_base: Type.Number({ exclusiveMinimum: 0, description: "Base of the rotary positions." }),
  },
  { additionalProperties: false },
);
export type CausalArchitecture = Static<typeof CausalArchitecture>;
