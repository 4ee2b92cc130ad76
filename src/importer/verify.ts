import { setImmediate as nextTurn } from "node:timers/promises";
import { Decoder } from "../engine/decoder.js";
import { Denoiser } from "../engine/denoiser.js";
import { ImageInFlight } from "../engine/image-in-flight.js";
import type { Fail } from "../engine/isolation.js";
import { Predictor } from "../engine/predictor.js";
import { openRuntime } from "../engine/runtime/onnx.js";
import type { Runtime } from "../engine/runtime/runtime.js";
import type { Architecture, Manifest } from "../model/manifest.js";
import { DiffusionSchedules } from "../model/sampler/schedules.js";
import { ImportError } from "./error.js";
import type { Deviation } from "./options.js";
import type { Progress } from "./progress.js";

/** Autoregressive steps of the published sampler; the check looks at some of them, from the first to the last. */
const STEPS = 64;
const LOOKED_AT = [0, 0.2, 0.4, 0.6, 0.8, 1];
const SEED = 0;

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
  model: { readonly folder: string; readonly manifest: Manifest },
  float32: string | undefined,
  progress: Progress,
): Promise<Deviation[]> {
  const { folder, manifest } = model;
  const expected = await runStages(float32 ?? folder, { ...manifest, precision: "fp32" }, progress);
  if (float32 === undefined) return [];
  const actual = await runStages(folder, manifest, progress, expected);
  return [
    { of: "z", relativeRms: relativeRms(actual.z.flat(), expected.z.flat()) },
    { of: "sampled tokens", relativeRms: relativeRms(actual.tokens, expected.tokens) },
    { of: "pixels", relativeRms: relativeRms([actual.pixels], [expected.pixels]) },
  ];
}

async function runStages(folder: string, manifest: Manifest, progress: Progress, inputs?: Outputs): Promise<Outputs> {
  const { architecture } = manifest;
  const images = LOOKED_AT.map((at, index) => imageAtStep(manifest, at, index));
  const runtime = await openRuntime(folder, { threads: 0 });
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
function imageAtStep({ architecture, defaults }: Manifest, at: number, index: number): ImageInFlight {
  const { generator } = architecture;
  const steps = Math.min(STEPS, generator.token_count);
  const { diffusion_steps, max_timestep, temperature, guidance_scale } = defaults;
  const parameters = {
    ...{ diffusion_steps, max_timestep, temperature, guidance_scale, steps },
    class: index % generator.class_count,
    guidance_schedule: "constant",
    order: "random",
  } as const;
  const ticket = { id: index, request: { parameters, seed: SEED, imageIndex: index }, submittedMs: 0 };
  const image = new ImageInFlight(ticket, generator, new DiffusionSchedules(generator.head.frequency_channels));
  const C = generator.token_channels;
  while (image.step < Math.round(at * (steps - 1))) {
    for (const position of image.targets) image.noise.fill(image.tokens, position * C, C, image.step, position, 0);
    image.advance();
  }
  return image;
}

/** The three runs of a step, as the engine makes them. */
class Stages {
  constructor(
    private readonly runtime: Runtime,
    private readonly manifest: Manifest,
    private readonly images: readonly ImageInFlight[],
    private readonly progress: Progress,
  ) {}

  async predict(): Promise<Outputs["z"]> {
    const predictor = new Predictor(this.runtime, this.manifest.architecture.generator);
    await this.attempt("z", (pause, fail) => predictor.run(this.images, pause, fail));
    const all = this.images.map(({ z, zUnconditional }) => [z, zUnconditional] as const);
    if (!all.flat().every((values) => values.every(Number.isFinite))) throw this.notFinite("z");
    return all;
  }

  async denoise(): Promise<Outputs["tokens"]> {
    const { architecture } = this.manifest;
    const denoiser = new Denoiser(this.runtime, architecture.generator);
    await this.attempt("sampled tokens", (pause, fail) => denoiser.run(this.images, pause, fail));
    return this.images.map((image) => targetsOf(image, architecture));
  }

  /** The image that has most tokens. */
  async decode(): Promise<Outputs["pixels"]> {
    const [pixels] = await new Decoder(this.runtime, this.manifest.architecture).decode(this.images.slice(-1));
    return pixels!;
  }

  /** Runs a stage. An interruption is seen between its runs, and ends it. */
  private async attempt(
    what: string,
    stage: (pause: () => Promise<void>, fail: Fail<ImageInFlight>) => Promise<void>,
  ): Promise<void> {
    let reason: string | undefined;
    const pause = async () => {
      await nextTurn();
      if (this.progress.isCancelled) for (const image of this.images) image.gone = true;
    };
    await stage(pause, (_image, why) => (reason ??= why));
    this.progress.add("verifying", 0);
    if (this.images.some((image) => !image.sampledFinite())) throw this.notFinite(what);
    if (reason !== undefined) throw new ImportError(`The imported model can't be run: ${reason}`);
  }

  private notFinite(what: string): ImportError {
    const { precision } = this.manifest;
    const advice =
      precision === "fp32"
        ? "its weights are not those of a trained model, or its defaults ask too much of it"
        : "in float32 it does not, so import it with --precision fp32";
    return new ImportError(`In ${precision} the model makes ${what} that are not finite numbers: ${advice}.`);
  }
}

function targetsOf(image: ImageInFlight, { generator }: Architecture): Float32Array {
  const C = generator.token_channels;
  const tokens = new Float32Array(image.targets.length * C);
  image.targets.forEach((position, i) => {
    tokens.set(image.tokens.subarray(position * C, (position + 1) * C), i * C);
  });
  return tokens;
}

function setTargets(image: ImageInFlight, tokens: Float32Array, { generator }: Architecture): void {
  image.targets.forEach((position, i) => {
    image.setToken(position, tokens, i * generator.token_channels);
  });
}

function relativeRms(actual: readonly ArrayLike<number>[], expected: readonly ArrayLike<number>[]): number {
  let difference = 0;
  let size = 0;
  expected.forEach((values, part) => {
    for (let i = 0; i < values.length; i++) {
      difference += (actual[part]![i]! - values[i]!) ** 2;
      size += values[i]! ** 2;
    }
  });
  return difference === 0 ? 0 : Math.sqrt(difference / size);
}
