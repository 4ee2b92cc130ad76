import type { ImageState } from "../../engine/family.js";
import type { DiffusionTransformer } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { ImageNoise } from "../../model/sampler/noise.js";
import { type Evaluation, guide, type Moved } from "./evaluation.js";

/** An image in flight: its noisy tokens, and what the present evaluation has made of them so far. */
export class DiffusionImage implements ImageState {
  /** Of its rows: the class and, with guidance, no class. */
  readonly classes: readonly number[];
  readonly steps: number;
  /** The network's output in the present evaluation, one for each row. */
  outputs: readonly Float32Array[] = []; // [L, C] or [L, 2C]

  readonly #guidance: number;
  readonly #noise: ImageNoise;
  #done = 0;
  #now: Moved;
  #next: Moved | undefined;

  /** `evaluations` are those of all steps; each step has the same number. */
  constructor(
    { parameters, seed, imageIndex }: ImageRequest,
    private readonly model: DiffusionTransformer,
    private readonly evaluations: readonly Evaluation[],
  ) {
    const { class_count: noClass, token_count, token_channels } = model;
    this.steps = parameters.steps;
    this.#guidance = parameters.guidance_scale;
    this.#noise = new ImageNoise(seed, imageIndex);
    // Without a class both rows would be the same, so guidance changes nothing.
    const isGuided = parameters.guidance_scale !== 1 && parameters.class !== null;
    this.classes = isGuided ? [parameters.class!, noClass] : [parameters.class ?? noClass];
    this.#now = { x: drawNoise(this.#noise, 0, model), x0: new Float32Array(token_count * token_channels) };
  }

  get step(): number {
    return Math.floor((this.#done * this.steps) / this.evaluations.length);
  }

  /** What the network is told in the present evaluation. */
  get timestep(): number {
    return this.evaluations[this.#done]!.timestep;
  }

  get x(): Float32Array {
    return this.#now.x;
  }

  /** The tokens of a finished image; before, those that the network expects at the end. */
  get tokens(): Float32Array {
    return this.step === this.steps ? this.#now.x : this.#now.x0;
  }

  /** Moves the tokens as the network's output says. Returns whether they are finite numbers. */
  sample(): boolean {
    const evaluation = this.evaluations[this.#done]!;
    const { x, x0, start } = this.#now;
    const guided = guide(this.outputs, this.#guidance, this.model);
    const noise = evaluation.takesNoise ? drawNoise(this.#noise, this.#done + 1, this.model) : x0; // any numbers where none is taken
    this.#next = evaluation.move({ x, start, output: this.outputs[0]!, guided, noise });
    return this.#next.x.every(Number.isFinite);
  }

  advance(): void {
    this.#now = this.#next!;
    this.outputs = [];
    this.#done++;
  }
}

/** Draw 0 is the image before its first step; draw k + 1 belongs to evaluation k. -> [L, C] */
export function drawNoise(
  noise: ImageNoise,
  draw: number,
  { token_count: L, token_channels: C }: DiffusionTransformer,
): Float32Array {
  const drawn = new Float32Array(L * C);
  for (let token = 0; token < L; token++) noise.fill(drawn, token * C, C, 0, token, draw);
  return drawn;
}
