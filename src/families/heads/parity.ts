import { Decoder } from "../../engine/decoder.js";
import type { Runtime } from "../../engine/runtime/runtime.js";
import type { ExposedModel } from "../../evaluation/parity/family-parity.js";
import { PIXEL_RULES, pixelsFollow } from "../../evaluation/parity/pixels.js";
import { part, type Recording } from "../../evaluation/parity/recording.js";
import { ALLOWED, type Report } from "../../evaluation/parity/report.js";
import type { WithDiffusionHead } from "../../model/manifest.js";
import {
  COEFFICIENTS,
  DiffusionSchedules,
  type ModelDiffusionSchedule,
} from "../../model/sampler/diffusion-schedule.js";
import { pixelRoundingOf } from "../families.js";
import { type DenoiseBatch, type DenoiseResult, denoise } from "./denoise.js";

/** The highest timestep of the published sampler. */
const MAX_TIMESTEP = 999;

/** The diffusion head of an imported model whose graphs expose their intermediate results. */
export class HeadParity {
  readonly #schedules: DiffusionSchedules;

  constructor(
    private readonly runtime: Runtime,
    readonly model: WithDiffusionHead,
  ) {
    this.#schedules = new DiffusionSchedules(model.head.frequency_channels);
  }

  schedule(diffusionSteps: number): ModelDiffusionSchedule {
    return this.#schedules.get(diffusionSteps, MAX_TIMESTEP);
  }

  /** Steps [from, from + steps) of a schedule. */
  denoise(
    schedule: ModelDiffusionSchedule,
    from: number,
    batch: Omit<DenoiseBatch, "frequencies" | "coefficients">,
  ): Promise<DenoiseResult> {
    const columns = (table: Float32Array, width: number) => table.slice(from * width, (from + batch.steps) * width);
    return denoise(this.runtime, this.model, {
      ...batch,
      frequencies: columns(schedule.frequencies, this.model.head.frequency_channels),
      coefficients: columns(schedule.coefficients, COEFFICIENTS.length),
    });
  }
}

/** The head's recorded condition: N conditional rows, followed by N unconditional rows or none. */
export interface Condition {
  readonly rows: number;
  readonly guidedRows: number;
  readonly z: Float32Array; // [N, D]
  readonly zUnconditional: Float32Array; // [M, D]
  readonly guidance: Float32Array; // [M]
  readonly temperature: Float32Array; // [N]
}

export function condition(
  z: Float32Array,
  rows: number,
  width: number,
  guidance: number,
  temperature: number,
): Condition {
  const guidedRows = z.length / width - rows;
  return {
    rows,
    guidedRows,
    z: z.slice(0, rows * width),
    zUnconditional: z.slice(rows * width),
    guidance: new Float32Array(guidedRows).fill(guidance),
    temperature: new Float32Array(rows).fill(temperature),
  };
}

/** Compares every recorded diffusion step by itself. */
export async function compareDenoising(head: HeadParity, recording: Recording, report: Report): Promise<void> {
  for (let j = 0; recording.has(`denoise.${j}.network`); j++) await compareDenoise(head, recording, report, j);
}

async function compareDenoise(head: HeadParity, recording: Recording, report: Report, j: number): Promise<void> {
  const { decoder, token_channels: C } = head.model;
  const { name } = recording;
  const x = await recording.floats("denoise.x");
  const noise = await recording.floats("denoise.noise");
  const network = await recording.floats(`denoise.${j}.network`);
  const result = await recording.floats(`denoise.${j}.out`);
  const timesteps = await recording.tensor("denoise.timestep");
  const [steps = 0, rows = 0] = x.shape;
  const networkRows = network.shape[1] ?? 0;
  const schedule = head.schedule(steps);
  const same = `${timesteps.data}` === `${schedule.timesteps}`;
  report.holds(name, "timesteps", `denoise.${j}`, same, `ours are ${schedule.timesteps}, recorded ${timesteps.data}`);
  const z = (await recording.floats("denoise.z")).data.slice(0, networkRows * decoder.width);
  const guidance = await recording.number(`denoise.${j}.guidance`);
  const fixed = condition(z, rows, decoder.width, guidance, await recording.number(`denoise.${j}.temperature`));
  for (let k = 0; k < steps; k++) {
    const input = { ...fixed, steps: 1, x: part(x, k).data, noise: part(noise, k).data };
    const out = await head.denoise(schedule, k, input);
    const at = `denoise.${j} step ${k} (t = ${schedule.timesteps[k]})`;
    const ours = { shape: [networkRows, 2 * C], data: out.network ?? [] };
    report.numbers(name, "diffusion step: network", at, ALLOWED.network, ours, part(network, k));
    report.numbers(
      name,
      "diffusion step: result",
      at,
      ALLOWED.diffusionStep,
      { shape: [rows, C], data: out.x },
      part(result, k),
    );
  }
}

/** Compares a decode of latents of any generator. */
export async function compareDecode(
  { runtime, ...architecture }: ExposedModel,
  recording: Recording,
  report: Report,
  latentsName: string,
  imageName: string,
): Promise<void> {
  const { generator, tokenizer: t } = architecture;
  const latents = await recording.floats(latentsName);
  const expected = await recording.floats(imageName);
  const { image = [], pixels } = await new Decoder(runtime, t, generator.latent_channels).decode(latents.data);
  const shape = [latents.shape[0] ?? 0, 3, t.image_height, t.image_width];
  report.numbers(recording.name, "image", imageName, ALLOWED.image, { shape, data: image }, expected);
  const rounding = pixelRoundingOf(architecture);
  const note = `a pixel is not ${PIXEL_RULES[rounding]} of the image`;
  const follow = pixelsFollow(image, pixels, t.image_height * t.image_width, rounding);
  report.holds(recording.name, "pixels", imageName, follow, note);
}
