import { part, type Recording } from "../../../evaluation/parity/recording.js";
import { ALLOWED, type Numbers, type Report } from "../../../evaluation/parity/report.js";
import { guidanceInStep } from "../../../model/sampler/guidance.js";
import { unpatchify } from "../../../model/sampler/patches.js";
import { type Condition, compareDecode, condition } from "../../heads/parity.js";
import { type MaskStep, maskSchedule } from "../mask-schedule.js";
import type { ParityModel } from "./model.js";
import { predictInput } from "./transformer-input.js";

/** Network rows times diffusion steps of one denoise call: bounds the memory of the adaLN projections. */
const MAX_ROW_STEPS = 4096;

/** Compares one whole sampling run step by step, each step on the recorded tokens, order, mask and noise. */
export async function compareRun(model: ParityModel, recording: Recording, report: Report): Promise<void> {
  const run = new RunComparison(model, recording, report, await readSettings(model, recording));
  await run.compare();
  await compareDecode(model.exposed, recording, report, "latents", "image");
}

/** What a sampling run was asked for. */
interface Settings {
  readonly images: number;
  /** Of the conditional rows, then of the unconditional ones. */
  readonly classes: readonly number[];
  readonly guidance: number;
  readonly guidanceSchedule: "linear" | "constant";
  readonly temperature: number;
  readonly schedule: readonly MaskStep[];
  readonly orders: ArrayLike<number>; // [B, L]
}

async function readSettings(model: ParityModel, recording: Recording): Promise<Settings> {
  const { token_count: L, class_count } = model.generator;
  const orders = await recording.tensor("orders");
  const images = orders.shape[0] ?? 0;
  const labels = recording.metadata("labels") as readonly number[] | null;
  const classes = labels ?? new Array<number>(images).fill(class_count);
  const guidance = recording.metadata("cfg") as number;
  const guidanceSchedule = recording.metadata("cfg_schedule");
  if (guidanceSchedule !== "linear" && guidanceSchedule !== "constant") {
    throw new Error(`${recording.name}: cfg_schedule is ${guidanceSchedule}; linear and constant are known.`);
  }
  return {
    images,
    classes: guidance === 1 ? classes : [...classes, ...classes.map(() => class_count)],
    guidance,
    guidanceSchedule,
    temperature: recording.metadata("temperature") as number,
    schedule: maskSchedule(L, recording.metadata("num_iter") as number),
    orders: orders.data,
  };
}

class RunComparison {
  /** The tokens known so far, rebuilt from the recorded samples. */
  readonly #tokens: Float32Array; // [B, L, C]

  constructor(
    private readonly model: ParityModel,
    private readonly recording: Recording,
    private readonly report: Report,
    private readonly settings: Settings,
  ) {
    const { token_count: L, token_channels: C } = model.generator;
    this.#tokens = new Float32Array(settings.images * L * C);
  }

  async compare(): Promise<void> {
    const { schedule } = this.settings;
    const steps = this.recording.indices("sampled.").length;
    this.#holds("mask schedule", "run", steps === schedule.length, `${steps} steps recorded of ${schedule.length}`);
    for (let i = 0; i < Math.min(steps, schedule.length); i++) await this.#compareStep(i);
    await this.#compareLatents();
  }

  async #compareStep(i: number): Promise<void> {
    const { settings } = this;
    const { token_count: L, token_channels: C, decoder } = this.model.generator;
    const step = settings.schedule[i] as MaskStep;
    const mask = await this.#compareMask(i);
    if (this.recording.has(`tokens.${i}`)) {
      const tokens = { shape: [settings.images, L, C], data: this.#tokens };
      await this.#numbers("tokens", i, ALLOWED.exact, tokens, `tokens.${i}`);
    }
    const targets = this.#targetsOf(step);
    const z = await this.#compareTransformer(i, mask, targets);

    const rows = step.sampled * settings.images;
    const guidance = guidanceInStep(settings.guidance, settings.guidanceSchedule, L, step.maskedAfter);
    const recorded = await this.recording.number(`cfg.${i}`);
    this.#holds("guidance", `step ${i}`, guidance === recorded, `ours ${guidance}, recorded ${recorded}`);
    const fixed = condition(z, rows, decoder.width, guidance, settings.temperature);
    const ours = { shape: [rows, C], data: await this.#sampleTokens(i, fixed) };
    await this.#numbers("sampled tokens", i, ALLOWED.sampledTokens, ours, `sampled.${i}`);
    if (this.recording.has(`trace.x.${i}`)) await this.#compareTrace(i, fixed);
    this.#placeSampled(targets, (await this.recording.floats(`sampled.${i}`)).data);
  }

  /** The mask when step i starts, against the order and the schedule. */
  async #compareMask(i: number): Promise<ArrayLike<number>> {
    const { images, schedule, orders } = this.settings;
    const { token_count: L } = this.model.generator;
    const { masked } = schedule[i] as MaskStep;
    const expected = new Uint8Array(images * L);
    for (let image = 0; image < images; image++)
      for (let k = 0; k < masked; k++) expected[image * L + (orders[image * L + k] as number)] = 1;
    const mask = await this.recording.tensor(`mask.${i}`);
    const ours = { shape: [images, L], data: expected };
    this.report.numbers(this.recording.name, "mask schedule", `step ${i}`, ALLOWED.exact, ours, mask);
    return mask.data;
  }

  /** Positions that a step samples, by image, ascending. */
  #targetsOf({ masked, sampled }: MaskStep): number[][] {
    const { images, orders } = this.settings;
    const { token_count: L } = this.model.generator;
    return Array.from({ length: images }, (_, image) => {
      const order = Array.from({ length: L }, (_, k) => orders[image * L + k] as number);
      return order.slice(masked - sampled, masked).sort((a, b) => a - b);
    });
  }

  async #compareTransformer(i: number, mask: ArrayLike<number>, targets: readonly number[][]): Promise<Float32Array> {
    const { generator: a } = this.model;
    const batch = predictInput(a, {
      tokens: this.#tokens,
      mask,
      classes: this.settings.classes,
      targets: (row: number) => targets[row % this.settings.images] ?? [],
    });
    const out = await this.model.predict(batch);
    const compare = async (stage: string, shape: number[], data: ArrayLike<number>) => {
      const name = `${stage}.${i}`;
      if (this.recording.has(name)) await this.#numbers(stage, i, ALLOWED.transformer, { shape, data }, name);
    };
    await compare("encoder", [batch.rows, a.buffer_size + batch.known, a.encoder.width], out.encoder ?? []);
    await compare("decoder", [batch.rows, a.token_count, a.decoder.width], out.decoder ?? []);
    await compare("z", [batch.targets.length, a.decoder.width], out.z);
    return out.z;
  }

  /** The whole diffusion loop of AR step i on its recorded noise, in slices that bound memory. -> [N, C] */
  async #sampleTokens(i: number, fixed: Condition): Promise<Float32Array> {
    const noise = await this.recording.floats(`noise.${i}`);
    const steps = (noise.shape[0] ?? 1) - 1;
    const schedule = this.model.head.schedule(steps);
    const size = noise.data.length / (steps + 1);
    const slice = Math.max(1, Math.floor(MAX_ROW_STEPS / (fixed.rows + fixed.guidedRows)));
    let x: Float32Array = noise.data.slice(0, size);
    for (let from = 0; from < steps; from += slice) {
      const count = Math.min(slice, steps - from);
      const raw = noise.data.slice((1 + from) * size, (1 + from + count) * size);
      x = (await this.model.head.denoise(schedule, from, { ...fixed, steps: count, x, noise: raw })).x;
    }
    return x;
  }

  /** Every diffusion step of AR step i by itself: the network on its recorded input, and the step's result. */
  async #compareTrace(i: number, predicted: Condition): Promise<void> {
    const { model, recording, report } = this;
    const { token_channels: C, decoder } = model.generator;
    const { rows, guidedRows } = predicted;
    const x = await recording.floats(`trace.x.${i}`);
    const network = await recording.floats(`trace.out.${i}`);
    const noise = await recording.floats(`noise.${i}`);
    const [steps = 0] = x.shape;
    const schedule = model.head.schedule(steps);
    const z = recording.has(`z.${i}`) ? (await recording.floats(`z.${i}`)).data : undefined;
    const guidance = predicted.guidance[0] ?? 1;
    const fixed = z ? condition(z, rows, decoder.width, guidance, this.settings.temperature) : predicted;
    report.numbers(recording.name, "trace: x_T", `step ${i}`, ALLOWED.exact, part(noise, 0), part(x, 0, 0, rows));
    for (let k = 0; k < steps; k++) {
      const at = `step ${i}, diffusion step ${k} (t = ${schedule.timesteps[k]})`;
      const input = { ...fixed, steps: 1, x: part(x, k, 0, rows).data, noise: part(noise, k + 1).data };
      const out = await model.head.denoise(schedule, k, input);
      const ours = { shape: [rows + guidedRows, 2 * C], data: out.network ?? [] };
      report.numbers(recording.name, "trace: network", at, ALLOWED.network, ours, part(network, k));
      const result = { shape: [rows, C], data: out.x };
      const next = k + 1 < steps ? part(x, k + 1, 0, rows) : await recording.floats(`sampled.${i}`);
      report.numbers(recording.name, "trace: result", at, ALLOWED.diffusionStep, result, next);
    }
  }

  /** Puts the recorded samples, image by image and by position, where they belong. */
  #placeSampled(targets: readonly number[][], sampled: Float32Array): void {
    const { token_count: L, token_channels: C } = this.model.generator;
    let from = 0;
    for (const [image, positions] of targets.entries())
      for (const position of positions) {
        this.#tokens.set(sampled.subarray(from, from + C), (image * L + position) * C);
        from += C;
      }
  }

  /** The finished tokens as latents, exactly. */
  async #compareLatents(): Promise<void> {
    const { generator: a, architecture } = this.model;
    const { images } = this.settings;
    const { latent_height: h, latent_width: w } = architecture.tokenizer;
    const size = a.latent_channels * h * w;
    const latents = new Float32Array(images * size);
    const tokenSize = a.token_count * a.token_channels;
    for (let image = 0; image < images; image++)
      unpatchify(this.#tokens.subarray(image * tokenSize, (image + 1) * tokenSize), a, latents, image * size);
    const ours = { shape: [images, a.latent_channels, h, w], data: latents };
    const expected = await this.recording.floats("latents");
    this.report.numbers(this.recording.name, "latents", "run", ALLOWED.exact, ours, expected);
  }

  /** Compares what AR step i made with the recorded tensor `name`. */
  async #numbers(stage: string, i: number, allowed: number, ours: Numbers, name: string): Promise<void> {
    const expected = await this.recording.floats(name);
    this.report.numbers(this.recording.name, stage, `step ${i}`, allowed, ours, expected);
  }

  #holds(stage: string, at: string, holds: boolean, note: string): void {
    this.report.holds(this.recording.name, stage, at, holds, note);
  }
}
