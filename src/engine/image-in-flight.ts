import type { GeneratorArchitecture } from "../model/manifest.js";
import type { ImageRequest, SamplingParameters } from "../model/parameters.js";
import { diffusionStepsInStep } from "../model/sampler/annealing.js";
import { guidanceInStep, type MaskStep, maskSchedule } from "../model/sampler/mask-schedule.js";
import { ImageNoise } from "../model/sampler/noise.js";
import type { DiffusionSchedules, ModelDiffusionSchedule } from "../model/sampler/schedules.js";
import { tokenOrder } from "../model/sampler/token-order.js";
import { ImageClock } from "./image-clock.js";

/** An image as it was handed to the engine. */
export interface Ticket {
  /** Unique for the engine's life. */
  readonly id: number;
  readonly request: ImageRequest;
  /** Monotonic milliseconds (clock.ts) when the engine took it in. */
  readonly submittedMs: number;
  /** Epoch milliseconds. */
  readonly deadlineAt?: number;
}

/** An image on its way through the autoregressive loop: its whole state between steps. */
export class ImageInFlight {
  readonly parameters: SamplingParameters;
  readonly noise: ImageNoise;
  readonly clock: ImageClock;
  /**
   * Whether it has an unconditional row. Without a class both halves would be the same row, so guidance changes
   * nothing: eps_u + g (eps_c - eps_u) = eps_c.
   */
  readonly guided: boolean;
  readonly tokens: Float32Array; // [L, C], zeros where unknown
  /** Positions of the known tokens, rising; the first `knownCount` count. */
  readonly knownPositions: Int32Array;
  knownCount = 0;
  /** Autoregressive steps done. */
  step = 0;
  /** Left the batch: failed, cancelled or expired. Its rows are not computed any more where that is cheap. */
  gone = false;
  /** The transformer's output at this step's targets. */
  z: Float32Array = NOTHING; // [targets, D]
  zUnconditional: Float32Array = NOTHING; // [targets, D], empty unless guided

  readonly #schedule: readonly MaskStep[];
  readonly #order: Int32Array;
  readonly #known: Uint8Array;
  readonly #channels: number;

  constructor(
    readonly ticket: Ticket,
    model: GeneratorArchitecture,
    private readonly schedules: DiffusionSchedules,
  ) {
    const { parameters, seed, imageIndex } = ticket.request;
    const tokenCount = model.token_count;
    this.parameters = parameters;
    this.noise = new ImageNoise(seed, imageIndex);
    this.clock = new ImageClock(ticket.submittedMs);
    this.guided = parameters.guidance_scale !== 1 && parameters.class !== null;
    this.tokens = new Float32Array(tokenCount * model.token_channels);
    this.knownPositions = new Int32Array(tokenCount);
    this.#schedule = maskSchedule(tokenCount, parameters.steps, parameters.reconstruction_steps);
    this.#order = tokenOrder(parameters.order, model, seed, imageIndex);
    this.#known = new Uint8Array(tokenCount);
    this.#channels = model.token_channels;
    for (const { masked, sampled } of this.#schedule) this.#order.subarray(masked - sampled, masked).sort();
  }

  /** Transformer rows it takes. */
  get rows(): number {
    return this.guided ? 2 : 1;
  }

  /** Positions of the tokens that the present step samples, rising; of a finished image one that nothing comes of. */
  get targets(): Int32Array {
    if (this.finished) return this.#order.subarray(0, 1);
    const { masked, sampled } = this.#present;
    return this.#order.subarray(masked - sampled, masked);
  }

  /** Guidance in force in the present step. */
  get guidance(): number {
    const { guidance_scale, guidance_schedule } = this.parameters;
    return guidanceInStep(guidance_scale, guidance_schedule, this.#order.length, this.#present.maskedAfter);
  }

  /** The diffusion of the present step. */
  get diffusion(): ModelDiffusionSchedule {
    return this.schedules.get(this.#diffusionSteps, this.parameters.max_timestep);
  }

  /** Images with one key may share the present step's denoise runs. */
  get diffusionKey(): string {
    return `${this.#diffusionSteps}/${this.parameters.max_timestep}`;
  }

  get finished(): boolean {
    return this.step === this.#schedule.length;
  }

  /** Writes a sampled token; it counts as known from the next step on. */
  setToken(position: number, values: Float32Array, offset: number): void {
    const start = position * this.#channels;
    for (let c = 0; c < this.#channels; c++) this.tokens[start + c] = values[offset + c]!;
  }

  /** Whether every token sampled in the present step is a finite number. */
  sampledFinite(): boolean {
    for (const position of this.targets)
      for (let c = 0; c < this.#channels; c++)
        if (!Number.isFinite(this.tokens[position * this.#channels + c])) return false;
    return true;
  }

  /** Ends the present step: its targets are known now. */
  advance(): void {
    for (const position of this.targets) this.#known[position] = 1;
    this.knownCount = 0;
    for (let position = 0; position < this.#known.length; position++)
      if (this.#known[position]) this.knownPositions[this.knownCount++] = position;
    this.step++;
    this.z = NOTHING;
    this.zUnconditional = NOTHING;
  }

  get #diffusionSteps(): number {
    return diffusionStepsInStep(this.parameters, this.step);
  }

  get #present(): MaskStep {
    return this.#schedule[this.step]!;
  }
}

const NOTHING = new Float32Array(0);
