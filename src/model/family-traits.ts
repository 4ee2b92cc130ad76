import { traits as causal } from "../families/causal/model.js";
import { traits as dit } from "../families/dit/model.js";
import { traits as mar } from "../families/mar/model.js";
import { traits as sit } from "../families/sit/model.js";
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
  /** Whether its models edit images, if the tokenizer has an encoder. */
  readonly canEdit: boolean;
  /** Whether GPUs run its models; a model is never split between a GPU and the CPU. */
  readonly runsOnGpus: boolean;
}

/** Every family's traits. */
export const FAMILY_TRAITS = { mar, dit, sit, causal } as const satisfies Record<string, FamilyTraits>;
export type FamilyName = keyof typeof FAMILY_TRAITS;

/** The parameters of a family that its models with another head do not have. */
export const HEAD_PARAMETERS = {
  diffusion: ["diffusion_steps", "max_timestep", "diffusion_steps_final"],
  categorical: ["top_k", "top_p", "confidence_noise"],
} as const satisfies Record<string, readonly Parameter[]>;
export type HeadKind = keyof typeof HEAD_PARAMETERS;

/** Those that every diffusion head needs. */
export const DIFFUSION_REQUIRED: readonly Parameter[] = ["diffusion_steps", "max_timestep"];

/** What the models of a family are sampled with; `checkParameters` makes sure of it. */
export type FamilyParameters<Family extends FamilyName> = SamplingParameters &
  Required<Pick<SamplingParameters, (typeof FAMILY_TRAITS)[Family]["required"][number]>> & {
    readonly sampler?: (typeof FAMILY_TRAITS)[Family]["samplers"][number];
  };
