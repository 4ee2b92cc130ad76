import { type DiffusionSchedule, diffusionSchedule } from "./diffusion-schedule.js";
import { timestepFrequencies } from "./frequencies.js";

/** A diffusion schedule with the timestep sinusoids of one model. */
export interface ModelDiffusionSchedule extends DiffusionSchedule {
  readonly frequencies: Float32Array; // [S, F]
}

/** One model's diffusion schedules by (diffusion steps, highest timestep); the least recently used is dropped. */
export class DiffusionSchedules {
  readonly #cached = new Map<string, ModelDiffusionSchedule>();

  /** `limit`: schedules kept; one of 1000 steps and 256 sinusoids is about 1 MB. */
  constructor(
    readonly frequencyChannels: number,
    readonly limit = 64,
  ) {}

  /** The same object for the same arguments while it is cached, so callers may group rows by identity. */
  get(diffusionSteps: number, maxTimestep: number): ModelDiffusionSchedule {
    const key = `${diffusionSteps}/${maxTimestep}`;
    let schedule = this.#cached.get(key);
    if (schedule) {
      this.#cached.delete(key);
    } else {
      const tables = diffusionSchedule(diffusionSteps, maxTimestep);
      schedule = { ...tables, frequencies: timestepFrequencies(tables.timesteps, this.frequencyChannels) };
      if (this.#cached.size >= this.limit) this.#cached.delete(this.#cached.keys().next().value as string);
    }
    this.#cached.set(key, schedule);
    return schedule;
  }
}
