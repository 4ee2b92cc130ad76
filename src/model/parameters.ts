import Type, { type Static } from "typebox";

/**
 * How one image is sampled. Every field is resolved: presets and the model's defaults have been applied.
 * Names are those of the wire (snake_case), so that request, job, manifest and PNG text say the same word.
 * `parameterNames` says which of them a model has.
 */
export const SamplingParameters = Type.Object(
  {
    class: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], {
      description: "Class index, or null for an unconditional image.",
    }),
    steps: Type.Integer({
      minimum: 1,
      description:
        "Steps of the image: autoregressive ones, 1 to the number of tokens, and of a causal model one for each token; of a DiT or a SiT, diffusion steps, 2 to 1000.",
    }),
    guidance_scale: Type.Number({ minimum: 1, maximum: 20, description: "Classifier-free guidance; 1 is none." }),
    guidance_schedule: Type.Optional(
      Type.Union([Type.Literal("linear"), Type.Literal("constant")], {
        description: "linear: guidance grows with the share of known tokens (Muse); constant: the same in every step.",
      }),
    ),
    guidance_steps: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_048_576,
        description: "How many steps have guidance, from the first on. Absent: all.",
      }),
    ),
    temperature: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 2,
        description:
          "Multiplies the noise of each diffusion step; of a model that draws codes, divides the logits, and 0 takes the likeliest code.",
      }),
    ),
    top_k: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_048_576,
        description: "Only the k likeliest codes may be sampled. 0 or absent: all.",
      }),
    ),
    top_p: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1,
        description: "Only the likeliest codes that together have this probability may be sampled. 1 or absent: all.",
      }),
    ),
    diffusion_steps: Type.Optional(
      Type.Integer({ minimum: 2, maximum: 1000, description: "Diffusion steps per token." }),
    ),
    diffusion_steps_final: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 1000,
        description:
          "Diffusion steps per token in the last autoregressive step: from `diffusion_steps` in the first they change linearly (DiSA, arXiv 2505.20297). Absent: the same in all.",
      }),
    ),
    max_timestep: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 999,
        description: "Respaced timesteps are clamped to this one and deduplicated; 999 is the published sampler.",
      }),
    ),
    order: Type.Optional(
      Type.Union(
        [Type.Literal("random"), Type.Literal("raster"), Type.Literal("checkerboard"), Type.Literal("confidence")],
        {
          description:
            "Order of the tokens; checkerboard: first those whose row and column add up to an even number, spread over the image (GtR, arXiv 2510.17171); confidence, of a MAR that draws codes: in each step the codes that are likeliest (MaskGIT, arXiv 2202.04200).",
        },
      ),
    ),
    confidence_noise: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 100,
        description:
          "With the order `confidence`: times the share of steps that are left, how much Gumbel noise is added to the logarithms of the codes' probabilities. Absent: 4.5.",
      }),
    ),
    reconstruction_steps: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_048_576,
        description:
          "How many of `steps` sample the second half of the tokens (GtR, arXiv 2510.17171), limited so that every step samples at least one token. 0 or absent: the published cosine schedule.",
      }),
    ),
    sampler: Type.Optional(
      Type.Union(
        [Type.Literal("ddpm"), Type.Literal("ddim"), Type.Literal("euler"), Type.Literal("heun"), Type.Literal("sde")],
        {
          description:
            "Of a DiT, ddpm: ancestral, with the variance that the model learned; ddim: no noise after the first (eta 0). Of a SiT, euler and heun: along the flow, no noise after the first, and heun evaluates the network twice a step; sde: noise in every step but the last (Euler-Maruyama).",
        },
      ),
    ),
    decoder: Type.Optional(
      Type.Union([Type.Literal("consistency"), Type.Literal("tokenizer")], {
        description:
          "What makes the finished image of its latents, in a model that has both: consistency: OpenAI's consistency decoder, in two steps from noise; tokenizer: the tokenizer's own decoder, which is much faster. Absent: consistency.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type SamplingParameters = Static<typeof SamplingParameters>;

// Omit and Partial keep no options: without these, unknown fields would pass.
const closed = { additionalProperties: false } as const;

/** Every sampling parameter but the class: what a model has defaults for. */
export const DefaultParameters = Type.Omit(SamplingParameters, ["class"], closed);
export type DefaultParameters = Static<typeof DefaultParameters>;

/** Some of them: what a preset changes. */
export const PresetParameters = Type.Partial(DefaultParameters, closed);

/** Largest seed: every integer up to it is exact in a JSON number. */
export const MAX_SEED = Number.MAX_SAFE_INTEGER;

/** The part of an image that the engine is given: what the model's tokens come from, and which of them it samples again. */
export interface ImageToEdit {
  /** RGB, [H, W, 3], in the model's size. */
  readonly pixels: Uint8Array;
  /** [H, W]; 1: the pixel is drawn again. */
  readonly mask: Uint8Array;
  /** Rings of tokens around the mask that are sampled again, too, because their latents have seen what is under it. */
  readonly maskGrow: number;
  /** Share of the masked tokens that are sampled again, in (0, 1]; which ones depends on seed and image index. */
  readonly strength: number;
}

/** One image to sample. Its pixels are a function of these fields and the model, never of the batch. */
export interface ImageRequest<Parameters extends SamplingParameters = SamplingParameters> {
  readonly parameters: Parameters;
  /** 0 to 2^53 - 1. */
  readonly seed: number;
  /** Which image of the job this is, from 0; part of the noise key. */
  readonly imageIndex: number;
  /** Absent: every token is sampled. */
  readonly edit?: ImageToEdit;
}

/** One field that a model cannot be sampled with: what was wrong and what would be right. */
export interface ParameterFault {
  readonly field: keyof SamplingParameters | "seed" | "image_index";
  readonly message: string;
}
