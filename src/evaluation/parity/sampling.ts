import { guidanceInStep, type MaskStep, maskSchedule } from "../../families/mar/mask-schedule.js";
import { unpatchify } from "../../model/sampler/patches.js";
import { condition, type ParityModel } from "./model.js";
import { part, type Recording } from "./recording.js";
import { ALLOWED, type Report } from "./report.js";
import { compareDecode } from "./stages.js";
import { predictInput } from "./transformer-input.js";

/** Network rows times diffusion steps of one denoise call: bounds the memory of the adaLN projections. */
const MAX_ROW_STEPS = 4096;

/** A recorded sampling run and the tokens known so far, rebuilt from the recorded samples. */
interface Run {
  readonly recording: Recording;
  readonly images: number;
  /** Of the conditional rows, then of the unconditional ones. */
  readonly classes: readonly number[];
  readonly guidance: number;
  readonly guidanceSchedule: "linear" | "constant";
  readonly temperature: number;
  readonly schedule: readonly MaskStep[];
  readonly orders: ArrayLike<number>; // [B, L]
  readonly tokens: Float32Array; // [B, L, C]
}

/** Compares one whole sampling run step by step, each step on the recorded tokens, order, mask and noise. */
export async function compareRun(model: ParityModel, recording: Recording, report: Report): Promise<void> {
  const run = await openRun(model, recording);
  const steps = recording.indices("sampled.");
  const all = steps.length === run.schedule.length;
  report.holds(recording.name, "mask schedule", "run", all, `${steps.length} steps recorded of ${run.schedule.length}`);
  for (let i = 0; i < Math.min(steps.length, run.schedule.length); i++) await compareStep(model, run, report, i);
  await compareLatents(model, run, report);
  await compareDecode(model, recording, report, "latents", "image");
}

async function openRun(model: ParityModel, recording: Recording): Promise<Run> {
  const { token_count: L, token_channels: C, class_count } = model.generator;
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
    recording,
    images,
    classes: guidance === 1 ? classes : [...classes, ...classes.map(() => class_count)],
    guidance,
    guidanceSchedule,
    temperature: recording.metadata("temperature") as number,
    schedule: maskSchedule(L, recording.metadata("num_iter") as number),
    orders: orders.data,
    tokens: new Float32Array(images * L * C),
  };
}

async function compareStep(model: ParityModel, run: Run, report: Report, i: number): Promise<void> {
  const { recording } = run;
  const { token_count: L, token_channels: C, decoder } = model.generator;
  const step = run.schedule[i] as MaskStep;
  const mask = await compareMask(model, run, report, i);
  if (recording.has(`tokens.${i}`)) {
    const tokens = { shape: [run.images, L, C], data: run.tokens };
    report.numbers(recording.name, "tokens", `step ${i}`, ALLOWED.exact, tokens, await recording.floats(`tokens.${i}`));
  }
  const targets = targetsOf(run, L, step);
  const z = await compareTransformer(model, run, report, i, mask, targets);

  const rows = step.sampled * run.images;
  const guidance = guidanceInStep(run.guidance, run.guidanceSchedule, L, step.maskedAfter);
  const recorded = await recording.number(`cfg.${i}`);
  report.holds(
    recording.name,
    "guidance",
    `step ${i}`,
    guidance === recorded,
    `ours ${guidance}, recorded ${recorded}`,
  );
  const fixed = condition(z, rows, decoder.width, guidance, run.temperature);
  const sampled = await recording.floats(`sampled.${i}`);
  const ours = { shape: [rows, C], data: await sampleTokens(model, recording, i, fixed) };
  report.numbers(recording.name, "sampled tokens", `step ${i}`, ALLOWED.sampledTokens, ours, sampled);
  if (recording.has(`trace.x.${i}`)) await compareTrace(model, run, report, i, fixed);
  placeSampled(run, targets, sampled.data, L, C);
}

/** The mask when step i starts, against the order and the schedule. */
async function compareMask(model: ParityModel, run: Run, report: Report, i: number): Promise<ArrayLike<number>> {
  const { token_count: L } = model.generator;
  const mask = await run.recording.tensor(`mask.${i}`);
  const expected = new Uint8Array(run.images * L);
  for (let image = 0; image < run.images; image++) {
    const masked = (run.schedule[i] as MaskStep).masked;
    for (let k = 0; k < masked; k++) expected[image * L + (run.orders[image * L + k] as number)] = 1;
  }
  const ours = { shape: [run.images, L], data: expected };
  report.numbers(run.recording.name, "mask schedule", `step ${i}`, ALLOWED.exact, ours, mask);
  return mask.data;
}

/** Positions that a step samples, by image, ascending. */
function targetsOf(run: Run, L: number, step: MaskStep): number[][] {
  return Array.from({ length: run.images }, (_, image) => {
    const order = Array.from({ length: L }, (_, k) => run.orders[image * L + k] as number);
    return order.slice(step.masked - step.sampled, step.masked).sort((a, b) => a - b);
  });
}

async function compareTransformer(
  model: ParityModel,
  run: Run,
  report: Report,
  i: number,
  mask: ArrayLike<number>,
  targets: readonly number[][],
): Promise<Float32Array> {
  const { generator: a } = model;
  const { recording } = run;
  const input = {
    tokens: run.tokens,
    mask,
    classes: run.classes,
    targets: (row: number) => targets[row % run.images] ?? [],
  };
  const batch = predictInput(a, input);
  const out = await model.graphs.predict(batch);
  const compare = async (stage: string, shape: number[], data: ArrayLike<number>) => {
    if (!recording.has(`${stage}.${i}`)) return;
    const expected = await recording.floats(`${stage}.${i}`);
    report.numbers(recording.name, stage, `step ${i}`, ALLOWED.transformer, { shape, data }, expected);
  };
  await compare("encoder", [batch.rows, a.buffer_size + batch.known, a.encoder.width], out.encoder ?? []);
  await compare("decoder", [batch.rows, a.token_count, a.decoder.width], out.decoder ?? []);
  await compare("z", [batch.targets.length, a.decoder.width], out.z);
  return out.z;
}

/** The whole diffusion loop of AR step i on its recorded noise, in slices that bound memory. -> [N, C] */
async function sampleTokens(
  model: ParityModel,
  recording: Recording,
  i: number,
  fixed: ReturnType<typeof condition>,
): Promise<Float32Array> {
  const noise = await recording.floats(`noise.${i}`);
  const steps = (noise.shape[0] ?? 1) - 1;
  const schedule = model.schedule(steps);
  const size = noise.data.length / (steps + 1);
  const slice = Math.max(1, Math.floor(MAX_ROW_STEPS / (fixed.rows + fixed.guidedRows)));
  let x: Float32Array = noise.data.slice(0, size);
  for (let from = 0; from < steps; from += slice) {
    const count = Math.min(slice, steps - from);
    const raw = noise.data.slice((1 + from) * size, (1 + from + count) * size);
    x = (await model.denoise(schedule, from, { ...fixed, steps: count, x, noise: raw })).x;
  }
  return x;
}

/** Every diffusion step of one AR step by itself: the network on its recorded input, and what comes of it. */
async function compareTrace(
  model: ParityModel,
  run: Run,
  report: Report,
  i: number,
  predicted: ReturnType<typeof condition>,
): Promise<void> {
  const { recording } = run;
  const { token_channels: C, decoder } = model.generator;
  const { rows, guidedRows } = predicted;
  const x = await recording.floats(`trace.x.${i}`);
  const network = await recording.floats(`trace.out.${i}`);
  const noise = await recording.floats(`noise.${i}`);
  const [steps = 0] = x.shape;
  const schedule = model.schedule(steps);
  const z = recording.has(`z.${i}`) ? (await recording.floats(`z.${i}`)).data : undefined;
  const guidance = predicted.guidance[0] ?? 1;
  const fixed = z ? condition(z, rows, decoder.width, guidance, run.temperature) : predicted;
  report.numbers(recording.name, "trace: x_T", `step ${i}`, ALLOWED.exact, part(noise, 0), part(x, 0, 0, rows));
  for (let k = 0; k < steps; k++) {
    const at = `step ${i}, diffusion step ${k} (t = ${schedule.timesteps[k]})`;
    const input = { ...fixed, steps: 1, x: part(x, k, 0, rows).data, noise: part(noise, k + 1).data };
    const out = await model.denoise(schedule, k, input);
    const ours = { shape: [rows + guidedRows, 2 * C], data: out.network ?? [] };
    report.numbers(recording.name, "trace: network", at, ALLOWED.network, ours, part(network, k));
    const next = k + 1 < steps ? part(x, k + 1, 0, rows) : await recording.floats(`sampled.${i}`);
    report.numbers(recording.name, "trace: result", at, ALLOWED.diffusionStep, { shape: [rows, C], data: out.x }, next);
  }
}

/** Puts the recorded samples, image by image and by position, where they belong. */
function placeSampled(run: Run, targets: readonly number[][], sampled: Float32Array, L: number, C: number): void {
  let from = 0;
  for (const [image, positions] of targets.entries()) {
    for (const position of positions) {
      run.tokens.set(sampled.subarray(from, from + C), (image * L + position) * C);
      from += C;
    }
  }
}

/** The finished tokens as latents, exactly. */
async function compareLatents(model: ParityModel, run: Run, report: Report): Promise<void> {
  const { generator: a } = model;
  const { latent_height: h, latent_width: w } = model.manifest.architecture.tokenizer;
  const size = a.latent_channels * h * w;
  const latents = new Float32Array(run.images * size);
  const tokenSize = a.token_count * a.token_channels;
  for (let image = 0; image < run.images; image++) {
    unpatchify(run.tokens.subarray(image * tokenSize, (image + 1) * tokenSize), a, latents, image * size);
  }
  const ours = { shape: [run.images, a.latent_channels, h, w], data: latents };
  report.numbers(run.recording.name, "latents", "run", ALLOWED.exact, ours, await run.recording.floats("latents"));
}
