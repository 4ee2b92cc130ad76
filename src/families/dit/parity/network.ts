import { floats } from "../../../engine/runtime/runtime.js";
import type { ExposedModel, FamilyParity } from "../../../evaluation/parity/family-parity.js";
import { compareImage } from "../../../evaluation/parity/pixels.js";
import { part, type Recording } from "../../../evaluation/parity/recording.js";
import { ALLOWED, type Numbers, type Report } from "../../../evaluation/parity/report.js";
import { FAMILY_TRAITS } from "../../../model/family-traits.js";
import type { DiffusionTransformer } from "../../../model/manifest.js";
import { patchify, unpatchify } from "../../../model/sampler/patches.js";
import { type Evaluation, guide, type Moved } from "../evaluation.js";
import { predict } from "../predictor.js";

/** What is one family's own in the comparisons of a DiT's network. */
interface NetworkParity<Model extends DiffusionTransformer> extends Pick<FamilyParity, "schedules"> {
  /** How many halves of the network's output are recorded. */
  readonly outputHalves: 1 | 2;
  /** Of a recorded sampling run. */
  evaluations(recording: Recording, generator: Model): readonly Evaluation[];
}

/** The comparisons of a family with the network of a DiT. */
export function networkParity<Model extends DiffusionTransformer>({
  outputHalves,
  evaluations,
  schedules,
}: NetworkParity<Model>): FamilyParity<Model> {
  return {
    stagesMarkers: ["forward.x"],
    runMarker: "sampler",
    compareStages: (model, recording, report) => compareStages({ ...model, outputHalves }, recording, report),
    compareRun: (model, recording, report) =>
      compareRun({ ...model, outputHalves }, recording, report, () => evaluations(recording, model.generator)),
    ...(schedules && { schedules }),
  };
}

type Network = ExposedModel<DiffusionTransformer> & Pick<NetworkParity<DiffusionTransformer>, "outputHalves">;

/** Compares `stages.safetensors`: the network, block by block, and guidance. */
async function compareStages(model: Network, recording: Recording, report: Report): Promise<void> {
  const { runtime, generator } = model;
  const compare = async (stage: string, name: string, actual: Numbers) =>
    report.numbers(recording.name, stage, name, ALLOWED.network, actual, await recording.floats(name));
  const numbers = async (name: string) => Array.from((await recording.tensor(name)).data);
  const x = tokensOf(generator, await recording.floats("forward.x"));
  const batch = { x, timesteps: await numbers("forward.t"), classes: await numbers("forward.y") };
  const { out, ...exposed } = await predict(runtime, generator, batch);
  for (const [name, tensor] of Object.entries(exposed))
    await compare(name.replace(/\.\d+$/, ""), `forward.${name}`, tensor as Numbers);
  await compare("network", "forward.out", outputOf(model, rowsOf(out!.data as Float32Array, batch.classes.length)));

  const half = await recording.floats("cfg.x");
  const timesteps = await numbers("cfg.t");
  const doubled = tokensOf(generator, half);
  const guided = await predict(runtime, generator, {
    x: Float32Array.of(...doubled, ...doubled),
    timesteps: [...timesteps, ...timesteps],
    classes: await numbers("cfg.y"),
  });
  const outputs = rowsOf(floats(guided, "out"), 2 * timesteps.length);
  await compare("network", "cfg.network", outputOf(model, outputs));
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
async function compareRun(
  model: Network,
  recording: Recording,
  report: Report,
  evaluations: () => readonly Evaluation[],
): Promise<void> {
  const { name } = recording;
  checkSampler(recording, model.generator);
  const run: Run = {
    evaluations: evaluations(),
    labels: recording.metadata("labels") as readonly number[],
    guidance: recording.metadata("cfg") as number,
  };
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

function checkSampler(recording: Recording, { family }: DiffusionTransformer): void {
  const sampler = recording.metadata("sampler") as string;
  const known: readonly string[] = FAMILY_TRAITS[family].samplers;
  if (!known.includes(sampler))
    throw new Error(`${recording.name}: the sampler is ${sampler}; a ${family} has ${known.join(", ")}.`);
}

/** The k-th of a run, after what the one before it made of each image. */
interface RunEvaluation {
  readonly k: number;
  readonly evaluation: Evaluation;
  readonly before: readonly Moved[];
}

async function compareEvaluation(
  model: Network,
  recording: Recording,
  report: Report,
  { labels, guidance }: Run,
  { k, evaluation, before }: RunEvaluation,
): Promise<Moved[]> {
  const { runtime, generator } = model;
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
  compare("network", ALLOWED.network, outputOf(model, outputs), part(await recording.floats("network"), k));

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

/** The network's outputs as latents, as far as they are recorded. */
function outputOf({ generator, outputHalves }: Network, rows: readonly Float32Array[]): Numbers {
  if (outputHalves === 2) return latentsOf(generator, joined(rows), 2);
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
