import type { SamplingParameters } from "./parameters.js";

/** A parameter that depends on the family; `class` and `decoder` do not. */
type Parameter = Exclude<keyof SamplingParameters, "class" | "decoder">;

/** What everyone but the family's own folder must know of it: the API, the importer and the commands ask here. */
interface FamilyTraits {
  /** The parameters, beside the class, that every image is sampled with. */
  readonly required: readonly Parameter[];
  /** Those that an image may have as well. */
  readonly optional: readonly Parameter[];
  /** Fewest and most steps of an image; `tokens`: as many as it has. */
  readonly steps: { readonly minimum: number | "tokens"; readonly maximum: number | "tokens" };
  /** The values that `sampler` may have, where images have it. */
  readonly samplers: readonly SamplingParameters["sampler"][];
  /** The graphs that generate an image. */
  readonly graphs: readonly string[];
  /** Whether its models edit images, if the tokenizer has an encoder. */
  readonly canEdit: boolean;
  /** Whether GPUs run its models; a model is never split between a GPU and the CPU. */
  readonly runsOnGpus: boolean;
}

/** Every family's traits; `src/families/` has how each generates. */
export const FAMILY_TRAITS = {
  mar: {
    required: [
      "steps",
      "guidance_scale",
      "guidance_schedule",
      "temperature",
      "diffusion_steps",
      "max_timestep",
      "order",
    ],
    optional: ["diffusion_steps_final", "reconstruction_steps"],
    steps: { minimum: 1, maximum: "tokens" },
    samplers: [],
    graphs: ["predict", "denoise", "decode"],
    canEdit: true,
    runsOnGpus: true,
  },
  dit: {
    required: ["steps", "guidance_scale", "sampler"],
    optional: [],
    steps: { minimum: 2, maximum: 1000 },
    samplers: ["ddpm", "ddim"],
    graphs: ["predict", "decode"],
    canEdit: false,
    runsOnGpus: true,
  },
  sit: {
    required: ["steps", "guidance_scale", "sampler"],
    optional: [],
    steps: { minimum: 2, maximum: 1000 },
    samplers: ["euler", "heun", "sde"],
    graphs: ["predict", "decode"],
    canEdit: false,
    runsOnGpus: true,
  },
  causal: {
    required: ["steps", "guidance_scale", "temperature"],
    optional: ["guidance_steps", "top_k", "top_p"],
    steps: { minimum: "tokens", maximum: "tokens" },
    samplers: [],
    graphs: ["predict", "decode"],
    canEdit: false,
    // CUDA would run its attention on the CPU, and WebGPU would copy the whole cache in every step.
    runsOnGpus: false,
  },
} as const satisfies Record<string, FamilyTraits>;
export type FamilyName = keyof typeof FAMILY_TRAITS;

/** What the models of a family are sampled with; `checkParameters` makes sure of it. */
export type FamilyParameters<Family extends FamilyName> = SamplingParameters &
  Required<Pick<SamplingParameters, (typeof FAMILY_TRAITS)[Family]["required"][number]>> & {
    readonly sampler?: (typeof FAMILY_TRAITS)[Family]["samplers"][number];
  };
