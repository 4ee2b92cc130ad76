import type { ImageState } from "../../engine/family.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { CausalArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { categoricalWeights, drawCode, guidedLogits } from "../../model/sampler/categorical.js";
import { ImageNoise } from "../../model/sampler/noise.js";

/** A row of the transformer: a class, and the codes so far. It owns a row of the cache. */
export interface Sequence {
  /** class_count for "no class". */
  readonly label: number;
  /** The network's output at the present position. */
  logits: Float32Array; // [codes]
}

const EMPTY = new Float32Array(0);

/** An image in flight: the codes that are known. The keys and values of its sequences are in the cache. */
export class CausalImage implements ImageState {
  readonly codes: Int32Array; // [L], -1 where unknown
  step = 0;
  readonly steps: number;
  readonly #parameters: FamilyParameters<"causal">;
  readonly #noise: ImageNoise;
  readonly #sequences: readonly Sequence[];
  #next = -1;

  constructor({ parameters, seed, imageIndex }: ImageRequest<FamilyParameters<"causal">>, model: CausalArchitecture) {
    const { class_count: noClass, token_count } = model;
    this.steps = parameters.steps;
    this.codes = new Int32Array(token_count).fill(-1);
    this.#parameters = parameters;
    this.#noise = new ImageNoise(seed, imageIndex);
    // Without a class both rows would be the same, so guidance changes nothing.
    const isGuided = parameters.guidance_scale !== 1 && parameters.class !== null;
    const labels = isGuided ? [parameters.class!, noClass] : [parameters.class ?? noClass];
    this.#sequences = labels.map((label) => ({ label, logits: EMPTY }));
  }

  /** Those of the present step: with the class and, where it is guided, without. */
  get sequences(): readonly Sequence[] {
    const { guidance_steps = this.steps } = this.#parameters;
    return this.step < guidance_steps ? this.#sequences : this.#sequences.slice(0, 1);
  }

  /** The code before the present position; any at the first, whose input is the class. */
  get previousCode(): number {
    return this.step === 0 ? 0 : this.codes[this.step - 1]!;
  }

  /** Draws the present token's code. Returns whether the logits are finite numbers. */
  sample(): boolean {
    const rows = this.sequences.map(({ logits }) => logits);
    if (!rows.every((logits) => logits.every(Number.isFinite))) return false;
    const weights = categoricalWeights(guidedLogits(rows, this.#parameters.guidance_scale), this.#parameters);
    this.#next = drawCode(weights, this.#noise.uniform(this.step, this.step));
    return true;
  }

  advance(): void {
    this.codes[this.step] = this.#next;
    this.step++;
  }
}
