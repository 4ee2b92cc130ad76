import type { ImageState } from "../../engine/family.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { DitArchitecture } from "../../model/manifest.js";
import type { ImageRequest } from "../../model/parameters.js";
import { ImageNoise } from "../../model/sampler/noise.js";
import { diffusionStep, guidedEps, type StepResult } from "./diffusion-step.js";
import { type DiffusionStep, ditSchedule } from "./schedule.js";

/** An image in flight: its noisy tokens, and what the present step has made of them so far. */
export class DitImage implements ImageState {
  /** Of its rows: the class and, with guidance, no class. */
  readonly classes: readonly number[];
  /** Diffusion steps done. */
  step = 0;
  /** The network's output in the present step, one for each row. */
  outputs: readonly Float32Array[] = []; // [L, 2C]

  readonly #parameters: FamilyParameters<"dit">;
  readonly #schedule: readonly DiffusionStep[];
  readonly #noise: ImageNoise;
  #x: Float32Array; // [L, C]
  #x0: Float32Array; // [L, C]
  #sampled: StepResult | undefined;

  constructor(
    { parameters, seed, imageIndex }: ImageRequest<FamilyParameters<"dit">>,
    private readonly model: DitArchitecture,
  ) {
    const { class_count: noClass, token_count, token_channels } = model;
    this.#parameters = parameters;
    this.#schedule = ditSchedule(parameters.steps);
    this.#noise = new ImageNoise(seed, imageIndex);
    // Without a class both rows would be the same, so guidance changes nothing.
    const isGuided = parameters.guidance_scale !== 1 && parameters.class !== null;
    this.classes = isGuided ? [parameters.class!, noClass] : [parameters.class ?? noClass];
    this.#x = this.#drawNoise(0);
    this.#x0 = new Float32Array(token_count * token_channels);
  }

  get steps(): number {
    return this.#schedule.length;
  }

  /** The timestep of the present step. */
  get timestep(): number {
    return this.#schedule[this.step]!.timestep;
  }

  get x(): Float32Array {
    return this.#x;
  }

  /** The tokens of a finished image; before, those that the network expects at the end. */
  get tokens(): Float32Array {
    return this.step === this.steps ? this.#x : this.#x0;
  }

  /** Takes the diffusion step. Returns whether its tokens are finite numbers. */
  sample(): boolean {
    const step = this.#schedule[this.step]!;
    const { sampler, guidance_scale: guidance } = this.#parameters;
    const eps = guidedEps(this.outputs, guidance, this.model);
    const takesNoise = sampler === "ddpm" && step.noiseFactor !== 0;
    const noise = takesNoise ? this.#drawNoise(this.step + 1) : this.#x0; // any numbers where none is taken
    const input = { x: this.#x, output: this.outputs[0]!, eps, noise };
    this.#sampled = diffusionStep(sampler, step, input, this.model);
    return this.#sampled.x.every(Number.isFinite);
  }

  advance(): void {
    const { x, x0 } = this.#sampled!;
    this.#x = x;
    this.#x0 = x0;
    this.outputs = [];
    this.step++;
  }

  /** Draw 0 is x_T; draw k + 1 belongs to step k. -> [L, C] */
  #drawNoise(draw: number): Float32Array {
    const { token_count: L, token_channels: C } = this.model;
    const noise = new Float32Array(L * C);
    for (let token = 0; token < L; token++) this.#noise.fill(noise, token * C, C, 0, token, draw);
    return noise;
  }
}
