import { setImmediate as nextTurn } from "node:timers/promises";
import { Decoder } from "../../../engine/decoder.js";
import type { Stage } from "../../../engine/family.js";
import { openModel } from "../../../engine/open-model.js";
import { usableCores } from "../../../engine/runtime/allowance.js";
import type { Device, Runtime } from "../../../engine/runtime/runtime.js";
import { stepRuns } from "../../../engine/step-runs.js";
import { relativeRms } from "../../../importer/compare-outputs.js";
import { ImportError } from "../../../importer/error.js";
import type { Deviation, WrittenFolder } from "../../../importer/imported-family.js";
import type { Progress } from "../../../importer/progress.js";
import type { FamilyParameters } from "../../../model/family-traits.js";
import type { AnyMarArchitecture, Architecture } from "../../../model/manifest.js";
import { openHead } from "../../heads/head.js";
import { hasFiniteTargets, OUTPUT } from "../../heads/head-image.js";
import { MarImage } from "../image.js";
import { mar } from "../mar.js";
import { Predictor } from "../predictor.js";

/** Autoregressive steps of the published sampler; the check looks at some of them, from the first to the last. */
const STEPS = 64;
const LOOKED_AT = [0, 0.2, 0.4, 0.6, 0.8, 1];
const SEED = 0;

type MarManifest = WrittenFolder<AnyMarArchitecture>["manifest"];

/** What a model makes of the check's inputs. */
interface Outputs {
  /** Of each image: with its class and, where guided, without. */
  readonly z: readonly (readonly [Float32Array, Float32Array])[]; // [targets, D]
  readonly tokens: readonly Float32Array[]; // [targets, C]
  readonly pixels: Uint8Array; // [H, W, 3]
}

/**
 * Runs a model through the engine's own parts on known tokens of unit variance: several mask states with guidance, the
 * whole diffusion loop of each one's next tokens, a decode. Where there is `float32`, a folder with the same model in
 * float32, each stage's outputs are compared with its, on the same inputs: z on the same tokens, sampled tokens on the
 * same z, pixels on the same tokens. One of them is in memory at a time. Throws `ImportError` where a model makes
 * numbers that are not finite.
 */
export async function compareWithFloat32(
  model: WrittenFolder<AnyMarArchitecture>,
  float32: string | undefined,
  progress: Progress,
  device: Device = {},
): Promise<Deviation[]> {
  const { folder, manifest } = model;
  const expected = await runStages(float32 ?? folder, { ...manifest, precision: "fp32" }, progress, device);
  if (float32 === undefined) return [];
  const actual = await runStages(folder, manifest, progress, device, expected);
  const isDiffusion = manifest.architecture.generator.head_kind === "diffusion";
  return [
    {
      of: OUTPUT[manifest.architecture.generator.head_kind],
      relativeRms: relativeRms(actual.z.flat(), expected.z.flat()),
    },
    // Codes differ or they do not.
    ...(isDiffusion ? [{ of: "sampled tokens", relativeRms: relativeRms(actual.tokens, expected.tokens) }] : []),
    { of: "pixels", relativeRms: relativeRms([actual.pixels], [expected.pixels]) },
  ];
}

async function runStages(
  folder: string,
  manifest: MarManifest,
  progress: Progress,
  device: Device,
  inputs?: Outputs,
): Promise<Outputs> {
  const architecture = manifest.architecture;
  const images = LOOKED_AT.map((at, index) => imageAtStep(manifest, at, index));
  const runtime = await openModel(folder, architecture, { threads: usableCores(), ...device });
  try {
    const stages = new Stages(runtime, manifest, images, progress);
    const z = await stages.predict();
    // What comes before a stage must not count as its deviation.
    if (inputs) for (const [i, image] of images.entries()) [image.z, image.zUnconditional] = inputs.z[i]!;
    const tokens = await stages.denoise();
    if (inputs) for (const [i, image] of images.entries()) setTargets(image, inputs.tokens[i]!, architecture);
    return { z, tokens, pixels: await stages.decode() };
  } finally {
    await runtime.close();
  }
}

/** An image whose tokens up to a step, which is given as a share of all steps, are normal numbers. */
function imageAtStep({ architecture, defaults }: MarManifest, at: number, index: number): MarImage {
  const { generator } = architecture;
  const steps = Math.min(STEPS, generator.token_count);
  const { diffusion_steps, max_timestep, temperature, guidance_scale } = defaults as FamilyParameters<"mar">;
  const parameters = {
    ...{ diffusion_steps, max_timestep, temperature, guidance_scale, steps },
    class: index % generator.class_count,
    guidance_schedule: "constant",
    order: "random",
  } as const;
  const request = { parameters, seed: SEED, imageIndex: index };
  const image = new MarImage(request, generator);
  const C = generator.token_channels;
  while (image.step < Math.round(at * (steps - 1))) {
    for (const position of image.targets)
      if (generator.head_kind === "diffusion") image.noise.fill(image.tokens, position * C, C, image.step, position, 0);
      else image.tokens[position] = Math.floor(generator.codes * image.noise.uniform(image.step, position));
    image.advance();
  }
  return image;
}

/** The three runs of a step, as the engine makes them. */
class Stages {
  constructor(
    private readonly runtime: Runtime,
    private readonly manifest: MarManifest,
    private readonly images: readonly MarImage[],
    private readonly progress: Progress,
  ) {}

  async predict(): Promise<Outputs["z"]> {
    const { generator } = this.manifest.architecture;
    await this.#attempt("z", new Predictor(this.runtime, generator));
    const all = this.images.map(({ z, zUnconditional }) => [z, zUnconditional] as const);
    if (!all.flat().every((values) => values.every(Number.isFinite))) throw this.#notFinite("z");
    return all;
  }

  async denoise(): Promise<Outputs["tokens"]> {
    const architecture = this.manifest.architecture;
    const { generator } = architecture;
    await this.#attempt("sampled tokens", openHead(this.runtime, generator));
    return this.images.map((image) => targetsOf(image, architecture));
  }

  /** The image that has most tokens. */
  async decode(): Promise<Outputs["pixels"]> {
    const { generator, tokenizer } = this.manifest.architecture;
    const sampler = mar.open(this.runtime, generator);
    const [pixels] = await new Decoder(this.runtime, tokenizer, generator.latent_channels).decodeImages(
      this.images.slice(-1),
      sampler,
    );
    return pixels!;
  }

  /** Runs a stage. An interruption is seen between its runs, and ends it. */
  async #attempt(what: string, stage: Stage<MarImage>): Promise<void> {
    let reason: string | undefined;
    const runs = stepRuns<MarImage>({
      isInFlight: () => !this.progress.isCancelled,
      fail: (_image, _reason, message) => (reason ??= message),
      pause: () => nextTurn(),
    });
    await stage.run(this.images, runs);
    this.progress.add("verifying", 0);
    const { token_channels } = this.manifest.architecture.generator;
    if (this.images.some((image) => !hasFiniteTargets(image, token_channels))) throw this.#notFinite(what);
    if (reason !== undefined) throw new ImportError(`The imported model can't be run: ${reason}`);
  }

  #notFinite(what: string): ImportError {
    const { precision } = this.manifest;
    const advice =
      precision === "fp32"
        ? "its weights are not those of a trained model, or its default parameters are too extreme for it"
        : "in float32 it does not, so import it with --precision fp32";
    return new ImportError(`In ${precision} the model makes ${what} that are not finite numbers: ${advice}.`);
  }
}

function targetsOf(image: MarImage, { generator }: Architecture): Float32Array {
  const C = generator.token_channels;
  const tokens = new Float32Array(image.targets.length * C);
  image.targets.forEach((position, i) => {
    tokens.set(image.tokens.subarray(position * C, (position + 1) * C), i * C);
  });
  return tokens;
}

function setTargets(image: MarImage, tokens: Float32Array, { generator }: Architecture): void {
  const C = generator.token_channels;
  image.targets.forEach((position, i) => {
    image.tokens.set(tokens.subarray(i * C, (i + 1) * C), position * C);
  });
}
