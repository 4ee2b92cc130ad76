import { Decoder } from "../../engine/decoder.js";
import { floats, type Runtime } from "../../engine/runtime/runtime.js";
import { diffusionStep, guidedEps } from "../../families/dit/diffusion-step.js";
import { predict } from "../../families/dit/predictor.js";
import { type DiffusionStep, scheduleOf } from "../../families/dit/schedule.js";
import type { FamilyParameters } from "../../model/family-traits.js";
import type { DitArchitecture } from "../../model/manifest.js";
import { respacedTimesteps, TRAIN_TIMESTEPS } from "../../model/sampler/diffusion-schedule.js";
import { patchify, unpatchify } from "../../model/sampler/patches.js";
import type { TokenizerArchitecture } from "../../model/tokenizer-architecture.js";
import { PIXEL_RULES, pixelsFollow } from "./pixels.js";
import { part, type Recording } from "./recording.js";
import { ALLOWED, type Numbers, type Report } from "./report.js";

/** An imported DiT whose graphs expose their intermediate results. */
export interface DitParity {
  readonly runtime: Runtime;
  readonly generator: DitArchitecture;
  readonly tokenizer: TokenizerArchitecture;
}

/** Compares `stages.safetensors`: the network, block by block, and guidance. */
export async function compareDitStages(model: DitParity, recording: Recording, report: Report): Promise<void> {
  const { runtime, generator } = model;
  const compare = async (stage: string, name: string, actual: Numbers) =>
    report.numbers(recording.name, stage, name, ALLOWED.network, actual, await recording.floats(name));
  const ints = async (name: string) => Array.from((await recording.tensor(name)).data);
  const x = tokensOf(generator, await recording.floats("forward.x"));
  const batch = { x, timesteps: await ints("forward.t"), classes: await ints("forward.y") };
  const { out, ...exposed } = await predict(runtime, generator, batch);
  for (const [name, tensor] of Object.entries(exposed))
    await compare(name.replace(/\.\d+$/, ""), `forward.${name}`, tensor as Numbers);
  await compare("network", "forward.out", latentsOf(generator, out!.data as Float32Array, 2));

  const half = await recording.floats("cfg.x");
  const timesteps = await ints("cfg.t");
  const doubled = tokensOf(generator, half);
  const guided = await predict(runtime, generator, {
    x: Float32Array.of(...doubled, ...doubled),
    timesteps: [...timesteps, ...timesteps],
    classes: await ints("cfg.y"),
  });
  const outputs = rowsOf(floats(guided, "out"), 2 * timesteps.length);
  await compare("network", "cfg.network", latentsOf(generator, floats(guided, "out"), 2));
  const scale = await recording.number("cfg.scale");
  const count = timesteps.length;
  const eps = outputs.slice(0, count).map((row, i) => guidedEps([row, outputs[count + i]!], scale, generator));
  const recorded = await recording.floats("cfg.out"); // the second half has the same eps
  const images = firstHalf(recorded, generator.latent_channels);
  report.numbers(recording.name, "guidance", "cfg.out", ALLOWED.network, latentsOf(generator, joined(eps)), images);
}

/** Compares one sampling run step by step, each on the recorded x and noise. */
export async function compareDitRun(model: DitParity, recording: Recording, report: Report): Promise<void> {
  const { name } = recording;
  const respacing = recording.metadata("respacing") as string;
  const kept = keptTimesteps(respacing);
  const schedule = scheduleOf(kept);
  const recorded = (await recording.tensor("timestep")).data;
  const ours = schedule.map(({ timestep }) => timestep);
  report.holds(name, "timesteps", respacing, `${ours}` === `${recorded}`, `ours are ${ours}, recorded ${recorded}`);
  const run = await readRun(recording);
  for (const [k, step] of schedule.entries()) await compareStep(model, recording, report, run, k, step);
  const x = await recording.floats("x");
  report.numbers(name, "x_T", "run", ALLOWED.exact, part(x, 0), part(await recording.floats("noise"), 0));
  const latents = await recording.floats("latents");
  const last = latentsOf(model.generator, tokensOf(model.generator, part(x, schedule.length)));
  report.numbers(name, "latents", "run", ALLOWED.exact, last, latents);
  await compareImage(model, recording, report, latents.data);
}

/** What a sampling run was asked for. */
interface Run {
  readonly sampler: FamilyParameters<"dit">["sampler"];
  readonly labels: readonly number[];
  readonly guidance: number;
}

async function readRun(recording: Recording): Promise<Run> {
  const sampler = recording.metadata("sampler");
  if (sampler !== "ddpm" && sampler !== "ddim")
    throw new Error(`${recording.name}: the sampler is ${sampler}; ddpm and ddim are known.`);
  const labels = recording.metadata("labels") as readonly number[];
  return { sampler, labels, guidance: recording.metadata("cfg") as number };
}

async function compareStep(
  { runtime, generator }: DitParity,
  recording: Recording,
  report: Report,
  { sampler, labels, guidance }: Run,
  k: number,
  step: DiffusionStep,
): Promise<void> {
  const where = `step ${k} (t = ${step.timestep})`;
  const x = await recording.floats("x");
  const noise = await recording.floats("noise");
  const tokens = tokensOf(generator, part(x, k));
  const halves = guidance === 1 ? 1 : 2;
  const rows = halves * labels.length;
  const out = await predict(runtime, generator, {
    x: halves === 1 ? tokens : Float32Array.of(...tokens, ...tokens),
    timesteps: new Array<number>(rows).fill(step.timestep),
    classes: halves === 1 ? labels : [...labels, ...labels.map(() => generator.class_count)],
  });
  const network = latentsOf(generator, floats(out, "out"), 2);
  const compare = (stage: string, allowed: number, actual: Numbers, expected: Numbers) =>
    report.numbers(recording.name, stage, where, allowed, actual, expected);
  compare("network", ALLOWED.network, network, part(await recording.floats("network"), k));

  const outputs = rowsOf(floats(out, "out"), rows);
  const inputs = rowsOf(tokens, labels.length);
  const added = k + 1 < noise.shape[0]! ? rowsOf(tokensOf(generator, part(noise, k + 1)), labels.length) : inputs;
  const results = inputs.map((input, image) => {
    const own = [outputs[image]!, ...(halves === 2 ? [outputs[labels.length + image]!] : [])];
    const eps = guidedEps(own, guidance, generator);
    return diffusionStep(sampler, step, { x: input, output: own[0]!, eps, noise: added[image]! }, generator);
  });
  const tensor = (part: "x" | "x0") => latentsOf(generator, joined(results.map((result) => result[part])));
  compare("x0", ALLOWED.diffusionStep, tensor("x0"), part(await recording.floats("x0"), k));
  compare("result", ALLOWED.diffusionStep, tensor("x"), part(x, k + 1));
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
function tokensOf(generator: DitArchitecture, latents: Numbers): Float32Array {
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
function latentsOf(generator: DitArchitecture, tokens: Float32Array, factor: 1 | 2 = 1): Numbers {
  const { token_count, token_channels, grid_height, grid_width, patch_size, latent_channels } = generator;
  const size = factor * token_count * token_channels;
  const grid = { ...generator, latent_channels: factor * latent_channels };
  const data = new Float32Array(tokens.length);
  const rows = rowsOf(tokens, tokens.length / size);
  for (const [row, part] of rows.entries()) unpatchify(part, grid, data, row * size);
  return { shape: [rows.length, grid.latent_channels, grid_height * patch_size, grid_width * patch_size], data };
}

/** Of `cfg.out`: eps of the rows with a class. */
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
