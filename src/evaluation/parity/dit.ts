import { Decoder } from "../../engine/decoder.js";
import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import { diffusionEvaluations } from "../../families/dit/diffusion-step.js";
import { type Evaluation, guide, type Moved } from "../../families/dit/evaluation.js";
import { predict } from "../../families/dit/predictor.js";
import { scheduleOf } from "../../families/dit/schedule.js";
import { flowEvaluations } from "../../families/sit/flow.js";
import { FAMILY_TRAITS, type FamilyParameters } from "../../model/family-traits.js";
import type { DiffusionTransformer } from "../../model/manifest.js";
import { respacedTimesteps, TRAIN_TIMESTEPS } from "../../model/sampler/diffusion-schedule.js";
import { patchify, unpatchify } from "../../model/sampler/patches.js";
import type { TokenizerArchitecture } from "../../model/tokenizer-architecture.js";
import { PIXEL_RULES, pixelsFollow } from "./pixels.js";
import { part, type Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/** An imported DiT or SiT whose graphs expose their intermediate results. */
export interface DitParity {
  readonly runtime: Runtime;
  readonly generator: DiffusionTransformer;
  readonly tokenizer: TokenizerArchitecture;
}

/** Compares `stages.safetensors`: the network, block by block, and guidance. */
export async function compareDitStages(model: DitParity, recording: Recording, report: Report): Promise<void> {
  const { runtime, generator } = model;
  const compare = async (stage: string, name: string, actual: Numbers) =>
    report.numbers(recording.name, stage, name, ALLOWED.network, actual, await recording.floats(name));
  const numbers = async (name: string) => Array.from((await recording.tensor(name)).data);
  const x = tokensOf(generator, await recording.floats("forward.x"));
  const batch = { x, timesteps: await numbers("forward.t"), classes: await numbers("forward.y") };
  const { out, ...exposed } = await predict(runtime, generator, batch);
  for (const [name, tensor] of Object.entries(exposed))
    await compare(name.replace(/\.\d+$/, ""), `forward.${name}`, tensor as Numbers);
  await compare("network", "forward.out", outputOf(generator, rowsOf(out!.data as Float32Array, batch.classes.length)));

  const half = await recording.floats("cfg.x");
  const timesteps = await numbers("cfg.t");
  const doubled = tokensOf(generator, half);
  const guided = await predict(runtime, generator, {
    x: Float32Array.of(...doubled, ...doubled),
    timesteps: [...timesteps, ...timesteps],
    classes: await numbers("cfg.y"),
  });
  const outputs = rowsOf(floats(guided, "out"), 2 * timesteps.length);
  await compare("network", "cfg.network", outputOf(generator, outputs));
  const scale = await recording.number("cfg.scale");
  const count = timesteps.length;
  const combined = outputs.slice(0, count).map((row, i) => guide([row, outputs[count + i]!], scale, generator));
  const recorded = await recording.floats("cfg.out"); // the second half of the rows has the same
  const images = firstHalf(recorded, generator.latent_channels);
  report.numbers(
    recording.name,
    "guidance",
    "cfg.out",
    ALLOWED.network,
    latentsOf(generator, joined(combined)),
    images,
  );
}

/** Compares one sampling run evaluation by evaluation, each on the recorded x and noise. */
export async function compareDitRun(model: DitParity, recording: Recording, report: Report): Promise<void> {
  const { name } = recording;
  const run = readRun(recording, model.generator);
  const recorded = (await recording.tensor("timestep")).data;
  const ours = run.evaluations.map(({ timestep }) => timestep);
  report.holds(name, "timesteps", "run", `${ours}` === `${recorded}`, `ours are ${ours}, recorded ${recorded}`);
  let moved: readonly Moved[] = [];
  for (const [k, evaluation] of run.evaluations.entries())
    moved = await compareEvaluation(model, recording, report, run, { k, evaluation, before: moved });
  const x = await recording.floats("x");
  report.numbers(name, "x_T", "run", ALLOWED.exact, part(x, 0), part(await recording.floats("noise"), 0));
  const latents = await recording.floats("latents");
  const last = latentsOf(model.generator, tokensOf(model.generator, part(x, run.evaluations.length)));
  report.numbers(name, "latents", "run", ALLOWED.exact, last, latents);
  await compareImage(model, recording, report, latents.data);
}

/** What a sampling run was asked for. */
interface Run {
  readonly evaluations: readonly Evaluation[];
  readonly labels: readonly number[];
  readonly guidance: number;
}

function readRun(recording: Recording, generator: DiffusionTransformer): Run {
  const sampler = recording.metadata("sampler") as string;
  const known: readonly string[] = FAMILY_TRAITS[generator.family].samplers;
  if (!known.includes(sampler))
    throw new Error(`${recording.name}: the sampler is ${sampler}; a ${generator.family} has ${known.join(", ")}.`);
  const labels = recording.metadata("labels") as readonly number[];
  return { evaluations: evaluationsOf(recording, generator), labels, guidance: recording.metadata("cfg") as number };
}

function evaluationsOf(recording: Recording, generator: DiffusionTransformer): Evaluation[] {
  const sampler = recording.metadata("sampler");
  if (generator.family === "sit")
    return flowEvaluations(sampler as FamilyParameters<"sit">["sampler"], recording.metadata("steps") as number);
  const schedule = scheduleOf(keptTimesteps(recording.metadata("respacing") as string));
  return diffusionEvaluations(sampler as FamilyParameters<"dit">["sampler"], schedule, generator);
}

/** The k-th of a run, after what the one before it made of each image. */
interface RunEvaluation {
  readonly k: number;
  readonly evaluation: Evaluation;
  readonly before: readonly Moved[];
}

async function compareEvaluation(
  { runtime, generator }: DitParity,
  recording: Recording,
  report: Report,
  { labels, guidance }: Run,
  { k, evaluation, before }: RunEvaluation,
): Promise<Moved[]> {
  const where = `evaluation ${k} (t = ${evaluation.timestep})`;
  const x = await recording.floats("x");
  const noise = await recording.floats("noise");
  const tokens = tokensOf(generator, part(x, k));
  const halves = guidance === 1 ? 1 : 2;
  const rows = halves * labels.length;
  const out = await predict(runtime, generator, {
    x: halves === 1 ? tokens : Float32Array.of(...tokens, ...tokens),
    timesteps: new Array<number>(rows).fill(evaluation.timestep),
    classes: halves === 1 ? labels : [...labels, ...labels.map(() => generator.class_count)],
  });
  const outputs = rowsOf(floats(out, "out"), rows);
  const compare = (stage: string, allowed: number, actual: Numbers, expected: Numbers) =>
    report.numbers(recording.name, stage, where, allowed, actual, expected);
  compare("network", ALLOWED.network, outputOf(generator, outputs), part(await recording.floats("network"), k));

  const inputs = rowsOf(tokens, labels.length);
  const added = k + 1 < noise.shape[0]! ? rowsOf(tokensOf(generator, part(noise, k + 1)), labels.length) : inputs;
  const results = inputs.map((input, image) => {
    const own = [outputs[image]!, ...(halves === 2 ? [outputs[labels.length + image]!] : [])];
    const guided = guide(own, guidance, generator);
    const { start } = before[image] ?? {};
    return evaluation.move({ x: input, start, output: own[0]!, guided, noise: added[image]! });
  });
  const tensor = (part: "x" | "x0") => latentsOf(generator, joined(results.map((result) => result[part])));
  compare("x0", ALLOWED.diffusionStep, tensor("x0"), part(await recording.floats("x0"), k));
  compare("result", ALLOWED.diffusionStep, tensor("x"), part(x, k + 1));
  return results;
}

async function compareImage(
  { runtime, tokenizer }: DitParity,
  recording: Recording,
  report: Report,
  latents: Float32Array,
): Promise<void> {
  const { name } = recording;
  const expected = await recording.floats("image");
  const { image = new Float32Array(0), pixels } = await new Decoder(runtime, tokenizer).decode(latents);
  report.numbers(name, "image", "image", ALLOWED.image, { shape: expected.shape, data: image }, expected);
  const plane = tokenizer.image_height * tokenizer.image_width;
  const recorded = (await recording.tensor("pixels")).data;
  const follow = pixelsFollow(image, pixels, plane, "down") && pixelsFollow(expected.data, recorded, plane, "down");
  report.holds(name, "pixels", "image", follow, `a pixel is not ${PIXEL_RULES.down} of the image`);
}

/** The timesteps that an official respacing keeps, rising: "25", "ddim25" (one stride) or "10,20,5" (sections). */
export function keptTimesteps(respacing: string): number[] {
  const strided = /^ddim(\d+)$/.exec(respacing);
  if (strided) {
    for (let stride = 1; stride <= TRAIN_TIMESTEPS; stride++)
      if (Math.ceil(TRAIN_TIMESTEPS / stride) === Number(strided[1]))
        return Array.from({ length: Number(strided[1]) }, (_, i) => i * stride);
    throw new Error(`No stride keeps as many of ${TRAIN_TIMESTEPS} timesteps as ${respacing}.`);
  }
  const sections = respacing.split(",").map(Number);
  let start = 0;
  return sections.flatMap((kept, i) => {
    const size = Math.floor(TRAIN_TIMESTEPS / sections.length) + Number(i < TRAIN_TIMESTEPS % sections.length);
    const first = start;
    start += size;
    return respacedTimesteps(kept, size).map((timestep) => first + timestep);
  });
}

/** Latents [rows, c, h, w] as tokens, [rows, L, C]. */
function tokensOf(generator: DiffusionTransformer, latents: Numbers): Float32Array {
  const rows = latents.shape[0]!;
  const data = Float32Array.from(latents.data);
  const size = data.length / rows;
  const parts = Array.from({ length: rows }, (_, row) => {
    const tokens = new Float32Array(size);
    patchify(data.subarray(row * size, (row + 1) * size), generator, tokens);
    return tokens;
  });
  return joined(parts);
}

/** Tokens [rows, L, C], or 2C for a network's output, as latents. */
function latentsOf(generator: DiffusionTransformer, tokens: Float32Array, factor: 1 | 2 = 1): Numbers {
  const { token_count, token_channels, grid_height, grid_width, patch_size, latent_channels } = generator;
  const size = factor * token_count * token_channels;
  const grid = { ...generator, latent_channels: factor * latent_channels };
  const data = new Float32Array(tokens.length);
  const rows = rowsOf(tokens, tokens.length / size);
  for (const [row, part] of rows.entries()) unpatchify(part, grid, data, row * size);
  return { shape: [rows.length, grid.latent_channels, grid_height * patch_size, grid_width * patch_size], data };
}

/** The network's outputs as latents; of a SiT without the half that nothing uses. */
function outputOf(generator: DiffusionTransformer, rows: readonly Float32Array[]): Numbers {
  if (generator.family === "dit") return latentsOf(generator, joined(rows), 2);
  return latentsOf(generator, joined(rows.map((row) => guide([row], 1, generator))));
}

/** Of `cfg.out`: what guidance made of the rows with a class. */
function firstHalf(recorded: Parameters<typeof part>[0], channels: number): Numbers {
  const images = Array.from({ length: recorded.shape[0]! / 2 }, (_, row) => part(recorded, row, 0, channels));
  return { shape: [images.length, ...images[0]!.shape], data: joined(images.map(({ data }) => data)) };
}

function rowsOf(data: Float32Array, count: number): Float32Array[] {
  const size = data.length / count;
  return Array.from({ length: count }, (_, row) => data.subarray(row * size, (row + 1) * size));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    all.set(part, start);
    start += part.length;
  }
  return all;
}
