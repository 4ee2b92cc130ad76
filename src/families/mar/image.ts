import type { FamilyParameters } from "../../model/family-traits.js";
import type { AnyMarArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { guidanceInStep } from "../../model/sampler/guidance.js";
import { ImageNoise } from "../../model/sampler/noise.js";
import { patchify } from "../../model/sampler/patches.js";
import { tokenOrder, tokensToSample } from "../../model/sampler/token-order.js";
import { emptyTokens, type HeadImage, UNKNOWN_CODE } from "../heads/head-image.js";
import { likeliestLast } from "./confidence.js";
import { type MaskStep, maskSchedule } from "./mask-schedule.js";

const EMPTY = new Float32Array(0);

/** An image in flight: all that the autoregressive loop keeps of it between steps. */
export class MarImage implements HeadImage {
  readonly parameters: FamilyParameters<"mar">;
  readonly noise: ImageNoise;
  /**
   * Whether it has an unconditional row. Without a class both halves would be the same row, so guidance changes
   * nothing: eps_u + g (eps_c - eps_u) = eps_c.
   */
  readonly guided: boolean;
  readonly tokens: Float32Array; // [L, C]; those of an edit are known from the start
  /** With the order `confidence`, which needs them. */
  readonly probabilities?: Float64Array; // [L]
  /** Positions of the known tokens, rising; the first `knownCount` count. */
  readonly knownPositions: Int32Array;
  knownCount = 0;
  /** Autoregressive steps done. */
  step = 0;
  /** The transformer's output at this step's targets. */
  z: Float32Array = EMPTY; // [targets, D]
  zUnconditional: Float32Array = EMPTY; // [targets, D], empty unless guided

  readonly #schedule: readonly MaskStep[];
  readonly #order: Int32Array;
  readonly #known: Uint8Array;

  /** `masked` is [L], 1 where an edit may sample a token again. Other images sample all tokens. */
  constructor(
    request: ImageRequest<FamilyParameters<"mar">>,
    private readonly model: AnyMarArchitecture,
    masked?: Uint8Array,
  ) {
    const { parameters, seed, imageIndex, edit } = request;
    const tokenCount = model.token_count;
    const order = tokenOrder(parameters.order, model, seed, imageIndex);
    this.parameters = parameters;
    this.noise = new ImageNoise(seed, imageIndex);
    this.guided = parameters.guidance_scale !== 1 && parameters.class !== null;
    this.tokens = emptyTokens(model);
    if (parameters.order === "confidence") this.probabilities = new Float64Array(tokenCount);
    this.knownPositions = new Int32Array(tokenCount);
    this.#known = new Uint8Array(tokenCount);
    if (masked && edit)
      this.#known = tokensToSample(masked, edit.strength, seed, imageIndex).map((isSampled) => 1 - isSampled);
    this.#updateKnownPositions();
    const unknown = order.filter((token) => !this.#known[token]);
    this.#order = Int32Array.of(...unknown, ...order.filter((token) => this.#known[token]));
    // Every step samples at least one token.
    const steps = masked ? Math.min(parameters.steps, unknown.length) : parameters.steps;
    this.#schedule = maskSchedule(unknown.length, steps, parameters.reconstruction_steps);
    for (const { masked, sampled } of this.#schedule) this.#order.subarray(masked - sampled, masked).sort();
    if (this.probabilities) this.#order.subarray(0, unknown.length).sort();
  }

  /** How many transformer rows it takes. */
  get rows(): number {
    return this.guided ? 2 : 1;
  }

  get steps(): number {
    return this.#schedule.length;
  }

  /** Positions of the tokens that the present step samples, rising. By confidence: all, and the likeliest stay. */
  get targets(): Int32Array {
    const { masked, sampled } = this.#present;
    return this.#order.subarray(this.probabilities ? 0 : masked - sampled, masked);
  }

  /** Guidance in force in the present step. */
  get guidance(): number {
    const { guidance_scale, guidance_schedule } = this.parameters;
    return guidanceInStep(guidance_scale, guidance_schedule, this.#order.length, this.#present.maskedAfter);
  }

  /** Takes an edit's known tokens from the latents of its image, [C', h, w]. */
  setKnownTokens(latents: Float32Array): void {
    const tokens = new Float32Array(this.tokens.length);
    patchify(latents, this.model, tokens);
    const { token_channels: C } = this.model;
    for (const position of this.knownPositions.subarray(0, this.knownCount))
      this.tokens.set(tokens.subarray(position * C, (position + 1) * C), position * C);
  }

  /** Ends the present step: its targets are known now, or the likeliest of them. */
  advance(): void {
    const { masked, sampled } = this.#present;
    if (this.probabilities) {
      likeliestLast(this, sampled);
      for (const position of this.#order.subarray(0, masked - sampled)) this.tokens[position] = UNKNOWN_CODE;
    }
    for (const position of this.#order.subarray(masked - sampled, masked)) this.#known[position] = 1;
    this.#updateKnownPositions();
    this.step++;
    this.z = EMPTY;
    this.zUnconditional = EMPTY;
  }

  #updateKnownPositions(): void {
    this.knownCount = 0;
    for (let position = 0; position < this.#known.length; position++)
      if (this.#known[position]) this.knownPositions[this.knownCount++] = position;
  }

  get #present(): MaskStep {
    return this.#schedule[this.step]!;
  }
}
