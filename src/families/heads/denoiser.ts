import type { Stage } from "../../engine/family.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import { groupBy, type StepRuns } from "../../engine/step-runs.js";
import type { WithDiffusionHead } from "../../model/manifest.js";
import {
  COEFFICIENTS,
  DiffusionSchedules,
  type ModelDiffusionSchedule,
} from "../../model/sampler/diffusion-schedule.js";
import { denoise } from "./denoise.js";
import { diffusionOf } from "./diffusion-steps.js";
import { type HeadImage, hasFiniteTargets } from "./head-image.js";

/** Memory for one run's adaLN products (rows x steps x their width): more falls out of a last-level cache of 32 MiB. */
const SLICE_BYTES = 24 * 1024 * 1024;
/** A run of fewer steps costs more than the cache saves; it may take more memory. */
const FEWEST_STEPS = 4;
/** The limit for even so few steps, since it also bounds how long a run lasts: the rows are divided instead. */
const MOST_BYTES = 64 * 1024 * 1024;

/** One token being sampled. */
interface TokenRow {
  readonly image: HeadImage;
  readonly position: number;
  /** Index among its image's targets: its row in the image's z. */
  readonly index: number;
}

/**
 * The diffusion part of a step: from z and noise to sampled tokens. Rows that share a diffusion schedule run together,
 * guided rows first; the loop is cut into slices of steps (x in, x out), each one run.
 */
export class Denoiser implements Stage<HeadImage> {
  readonly span = "diffusionMs";
  readonly #bytesPerRowStep: number;
  readonly #memory: number;
  readonly #schedules: DiffusionSchedules;
  readonly #scratch = new Scratch();

  constructor(
    private readonly runtime: Runtime,
    private readonly model: WithDiffusionHead,
  ) {
    const { depth, width, frequency_channels } = model.head;
    this.#memory = runtime.runMemory ?? 1;
    this.#schedules = new DiffusionSchedules(frequency_channels);
    this.#bytesPerRowStep = 4 * (3 * depth + 2) * width;
  }

  async run(images: readonly HeadImage[], runs: StepRuns<HeadImage>): Promise<void> {
    const keyOf = (image: HeadImage) => Object.values(diffusionOf(image)).join("/");
    for (const group of groupBy(images, keyOf)) await runs.run(group, (some) => this.#sample(some, runs));
    for (const image of images)
      if (runs.isInFlight(image) && !hasFiniteTargets(image, this.model.token_channels))
        runs.fail(
          image,
          "not_finite",
          `The latents stopped being finite numbers in step ${image.step + 1} of ${image.steps}; a lower max_timestep or guidance_scale, or more diffusion_steps, usually helps.`,
        );
  }

  async #sample(images: readonly HeadImage[], runs: StepRuns<HeadImage>): Promise<void> {
    const guidedFirst = [...images].sort((a, b) => Number(isGuided(b)) - Number(isGuided(a)));
    const rows: TokenRow[] = [];
    for (const image of guidedFirst)
      image.targets.forEach((position, index) => {
        rows.push({ image, position, index });
      });
    const { diffusionSteps, maxTimestep } = diffusionOf(images[0]!);
    const schedule = this.#schedules.get(diffusionSteps, maxTimestep);
    const widest = isGuided(guidedFirst[0]!) ? 2 : 1;
    const steps = Math.min(FEWEST_STEPS, schedule.steps);
    const rowLimit = Math.max(1, Math.floor((this.#memory * MOST_BYTES) / (this.#bytesPerRowStep * steps * widest)));
    const parts = Math.ceil(rows.length / rowLimit);
    const size = Math.ceil(rows.length / parts);
    for (let start = 0; start < rows.length; start += size)
      await this.#denoise(rows.slice(start, start + size), schedule, runs);
  }

  /** The whole diffusion loop of some rows, slice by slice. */
  async #denoise(rows: readonly TokenRow[], schedule: ModelDiffusionSchedule, runs: StepRuns<HeadImage>) {
    const C = this.model.token_channels;
    const F = this.model.head.frequency_channels;
    const guidedRows = rows.filter((row) => isGuided(row.image)).length;
    const condition = this.#condition(rows, guidedRows);
    let x: Float32Array = this.#scratch.floats("x", rows.length * C);
    rows.forEach((row, i) => {
      row.image.noise.fill(x, i * C, C, row.image.step, row.position, 0);
    });
    const bytesPerStep = this.#bytesPerRowStep * (rows.length + guidedRows);
    const cached = Math.max(FEWEST_STEPS, Math.floor((this.#memory * SLICE_BYTES) / bytesPerStep));
    const size = Math.ceil(schedule.steps / Math.ceil(schedule.steps / cached)); // as equal as they can be
    for (let start = 0; start < schedule.steps; start += size) {
      if (!rows.some((row) => runs.isInFlight(row.image))) return;
      const end = Math.min(start + size, schedule.steps);
      const result = await denoise(this.runtime, this.model, {
        ...condition,
        rows: rows.length,
        guidedRows,
        steps: end - start,
        x,
        noise: this.#noise(rows, start, end, schedule.steps),
        frequencies: schedule.frequencies.subarray(start * F, end * F),
        coefficients: schedule.coefficients.subarray(start * COEFFICIENTS.length, end * COEFFICIENTS.length),
      });
      x = result.x;
      await runs.pause();
    }
    rows.forEach(({ image, position }, i) => {
      for (let c = 0; c < C; c++) image.tokens[position * C + c] = x[i * C + c]!;
    });
  }

  /** What the head is conditioned on, row by row. */
  #condition(rows: readonly TokenRow[], guidedRows: number) {
    const D = this.model.decoder.width;
    const z = this.#scratch.floats("z", rows.length * D); // [N, D]
    const zUnconditional = this.#scratch.floats("zUnconditional", guidedRows * D); // [M, D]
    const guidance = this.#scratch.floats("guidance", guidedRows);
    const temperature = this.#scratch.floats("temperature", rows.length);
    for (let i = 0; i < rows.length; i++) {
      const { image, index } = rows[i]!;
      for (let d = 0; d < D; d++) z[i * D + d] = image.z[index * D + d]!;
      temperature[i] = image.parameters.temperature;
      if (i >= guidedRows) continue;
      for (let d = 0; d < D; d++) zUnconditional[i * D + d] = image.zUnconditional[index * D + d]!;
      guidance[i] = image.guidance;
    }
    return { z, zUnconditional, guidance, temperature };
  }

  /** Raw noise of diffusion steps [start, end); the last step of all adds none. -> [end - start, N, C] */
  #noise(rows: readonly TokenRow[], start: number, end: number, steps: number): Float32Array {
    const C = this.model.token_channels;
    const noise = this.#scratch.floats("noise", (end - start) * rows.length * C);
    for (let k = start; k < end; k++) {
      const plane = (k - start) * rows.length * C;
      if (k === steps - 1) {
        noise.fill(0, plane);
        continue;
      }
      for (let i = 0; i < rows.length; i++) {
        const { image, position } = rows[i]!;
        image.noise.fill(noise, plane + i * C, C, image.step, position, k + 1);
      }
    }
    return noise;
  }
}

function isGuided({ zUnconditional }: HeadImage): boolean {
  return zUnconditional.length > 0;
}

/** Buffers that are kept from run to run and grow when a run needs more. */
class Scratch {
  readonly #buffers = new Map<string, Float32Array>();

  /** A view of `length` numbers with whatever an earlier run left in it. */
  floats(name: string, length: number): Float32Array {
    let buffer = this.#buffers.get(name);
    if (!buffer || buffer.length < length) {
      buffer = new Float32Array(length);
      this.#buffers.set(name, buffer);
    }
    return buffer.subarray(0, length);
  }
}
