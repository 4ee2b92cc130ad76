import type { ImageState } from "../../engine/family.js";
import type { HeadArchitecture } from "../../model/manifest.js";
import type { SamplingParameters } from "../../model/parameters.js";
import type { ImageNoise } from "../../model/sampler/noise.js";

/** What `predict` outputs for a head, by its kind. */
export const OUTPUT = { diffusion: "z", categorical: "logits" } as const;

/** Stands for the code of a token that is not sampled yet. */
export const UNKNOWN_CODE = -1;

/** An image's tokens before the first step: zeros, or unknown codes. [L, C] */
export function emptyTokens(
  model: Pick<HeadArchitecture, "token_count" | "token_channels" | "head_kind">,
): Float32Array {
  const tokens = new Float32Array(model.token_count * model.token_channels);
  return model.head_kind === "categorical" ? tokens.fill(UNKNOWN_CODE) : tokens;
}

/** Whether every number of the tokens that the present step samples is finite. */
export function hasFiniteTargets({ targets, tokens }: HeadImage, channels: number): boolean {
  return targets.every((position) =>
    tokens.subarray(position * channels, (position + 1) * channels).every(Number.isFinite),
  );
}

/** An image whose tokens a head samples, one step's targets at a time, given what the transformer says of each. */
export interface HeadImage extends ImageState {
  readonly parameters: SamplingParameters & { readonly temperature: number };
  readonly noise: ImageNoise;
  /** Positions of the tokens that the present step samples. */
  readonly targets: Int32Array;
  /** The transformer's output for each target: z, or logits. */
  readonly z: Float32Array; // [targets, D]
  /** The same without the class; empty where the present step has no guidance. */
  readonly zUnconditional: Float32Array; // [targets, D]
  /** Guidance in force in the present step. */
  readonly guidance: number;
  /** Where the head writes the targets: their numbers, or the numbers of their codes. */
  readonly tokens: Float32Array; // [L, C]
  /** Where it writes the probability of each target's code, if the image needs it. */
  readonly probabilities?: Float64Array; // [L]
}
