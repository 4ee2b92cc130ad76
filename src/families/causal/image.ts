import type { FamilyParameters } from "../../model/family-traits.js";
import type { AnyCausalArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { guidanceInStep } from "../../model/sampler/guidance.js";
import { ImageNoise } from "../../model/sampler/noise.js";
import { tokenOrder } from "../../model/sampler/token-order.js";
import { emptyTokens, type HeadImage } from "../heads/head-image.js";

/** A row of the transformer: a class, and the tokens so far. It owns a row of the cache. */
export interface Sequence {
  /** class_count for "no class". */
  readonly label: number;
}

const EMPTY = new Float32Array(0);

/** An image in flight: the tokens that are known. The keys and values of its sequences are in the cache. */
export class CausalImage implements HeadImage {
  readonly parameters: FamilyParameters<"causal">;
  readonly noise: ImageNoise;
  readonly tokens: Float32Array; // [L, C]
  step = 0;
  readonly steps: number;
  z: Float32Array = EMPTY; // [1, D]
  zUnconditional: Float32Array = EMPTY; // [1, D], empty unless the step is guided
  /** Positions in the order in which they are sampled. */
  readonly #order: Int32Array; // [L]
  readonly #channels: number;
  readonly #sequences: readonly Sequence[];

  constructor(
    { parameters, seed, imageIndex }: ImageRequest<FamilyParameters<"causal">>,
    model: AnyCausalArchitecture,
  ) {
    const { class_count: noClass } = model;
    const { order = "order" in model ? model.order : "raster" } = parameters;
    this.parameters = parameters;
    this.noise = new ImageNoise(seed, imageIndex);
    this.tokens = emptyTokens(model);
    this.steps = parameters.steps;
    this.#channels = model.token_channels;
    this.#order = tokenOrder(order, model, seed, imageIndex).reverse();
    // Without a class both rows would be the same, so guidance changes nothing.
    const isGuided = parameters.guidance_scale !== 1 && parameters.class !== null;
    const labels = isGuided ? [parameters.class!, noClass] : [parameters.class ?? noClass];
    this.#sequences = labels.map((label) => ({ label }));
  }

  /** Those of the present step: with the class and, where it is guided, without. */
  get sequences(): readonly Sequence[] {
    const { guidance_steps = this.steps } = this.parameters;
    return this.step < guidance_steps ? this.#sequences : this.#sequences.slice(0, 1);
  }

  /** What the network sees next: the token before the present position. */
  get input() {
    const previous = this.#order[this.step - 1] ?? 0;
    const token = this.tokens.subarray(previous * this.#channels, (previous + 1) * this.#channels);
    return { position: this.step, token, previous, target: this.#order[this.step]! };
  }

  setOutputs(z: Float32Array, zUnconditional: Float32Array = EMPTY): void {
    this.z = z;
    this.zUnconditional = zUnconditional;
  }

  get targets(): Int32Array {
    return this.#order.subarray(this.step, this.step + 1);
  }

  get guidance(): number {
    const { guidance_scale, guidance_schedule } = this.parameters;
    if (guidance_schedule !== "linear") return guidance_scale;
    return guidanceInStep(guidance_scale, guidance_schedule, this.steps, this.steps - 1 - this.step);
  }

  advance(): void {
    this.step++;
    this.setOutputs(EMPTY);
  }
}
