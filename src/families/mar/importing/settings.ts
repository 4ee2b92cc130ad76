import type { PublishedSettings } from "../../../importer/imported-family.js";
import type { AnyMarArchitecture, Architecture } from "../../../model/manifest.js";
import type { DefaultParameters } from "../../../model/parameters.js";
import { type PublishedSize, publishedSizeOf } from "./stated.js";

/** Guidance of the best published results (arXiv 2406.11838 and 2507.15856, 256 steps); L's for a model of another size. */
const PUBLISHED_GUIDANCE: Readonly<Record<PublishedSize, number>> = {
  "mar-b": 2.9,
  "mar-l": 3.0,
  "mar-h": 3.2,
  "detok-mar-b": 3.9,
  "detok-mar-l": 3.4,
};
const OTHER_GUIDANCE = PUBLISHED_GUIDANCE["mar-l"];
const PUBLISHED_STEPS = 64;

/** What a MAR model has without settings of its own. */
export function marSettings(architecture: Architecture<AnyMarArchitecture>): PublishedSettings {
  const defaults = publishedDefaults(architecture);
  if (architecture.generator.head_kind === "categorical") return { defaults: withoutDiffusion(defaults), presets: {} };
  return { defaults, presets: publishedPresets(defaults) };
}

/** The published sampler for a model of these sizes: 64 steps, linear guidance, 100 diffusion steps from t = 999. */
function publishedDefaults({ generator, tokenizer }: Architecture<AnyMarArchitecture>): DefaultParameters {
  const size = publishedSizeOf(generator.encoder.width, tokenizer.kind);
  return {
    steps: Math.min(PUBLISHED_STEPS, generator.token_count),
    guidance_scale: size ? PUBLISHED_GUIDANCE[size] : OTHER_GUIDANCE,
    guidance_schedule: "linear",
    temperature: 1,
    diffusion_steps: 100,
    max_timestep: 999,
    order: "random",
  };
}

function withoutDiffusion({ diffusion_steps: _, max_timestep: __, ...defaults }: DefaultParameters): DefaultParameters {
  return defaults;
}

/** Where few diffusion steps begin (DiSA): at t = 999 an error is multiplied by 20,291, at 950 by 13. */
const ANNEALED_FROM = 950;

/**
 * The presets of a model without its own: `exact`, the published sampler whatever the model's defaults are, and two
 * that skip some of its work. `balanced` is GtR as published (FID 1.59 for H, as `exact`; arXiv 2510.17171); `fast` goes further than
 * anything published.
 */
function publishedPresets(published: DefaultParameters): PublishedSettings["presets"] {
  const quick = (steps: number, reconstruction_steps: number, diffusion_steps_final: number) => ({
    steps: Math.min(steps, published.steps),
    diffusion_steps: 50,
    diffusion_steps_final,
    max_timestep: ANNEALED_FROM,
    order: "checkerboard" as const,
    reconstruction_steps,
  });
  return {
    exact: {
      description: "The published sampler, nothing skipped.",
      parameters: published,
    },
    balanced: {
      description: "Every other token with care, the rest quickly (GtR); not measured on this model.",
      parameters: quick(32, 2, 20),
    },
    fast: {
      description: "The same with fewer steps; not measured on this model.",
      parameters: quick(16, 1, 10),
    },
  };
}
