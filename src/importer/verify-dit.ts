import { Decoder } from "../engine/decoder.js";
import { usableCores } from "../engine/runtime/allowance.js";
import { openRuntime } from "../engine/runtime/onnx.js";
import { floats, type Runtime } from "../engine/runtime/runtime.js";
import { DitImage } from "../families/dit/image.js";
import { predict } from "../families/dit/predictor.js";
import { type Architecture, type DitArchitecture, graphsOf } from "../model/manifest.js";
import { unpatchify } from "../model/sampler/patches.js";
import { ImportError } from "./error.js";
import type { Deviation } from "./options.js";
import type { Progress } from "./progress.js";
import { relativeRms } from "./verify.js";

/** The check looks at the network at these timesteps, one after another. */
const TIMESTEPS = [999, 800, 600, 400, 200, 0];
const SEED = 0;

interface Outputs {
  readonly network: readonly Float32Array[]; // [L, 2C] each
  readonly pixels: Uint8Array; // [H, W, 3]
}

/**
 * Runs a DiT on noise: the network at several timesteps and classes, and a decode. Where there is `float32`, a folder with
 * the same model in float32, the outputs are compared with its, on the same inputs. Throws `ImportError` where they are
 * not finite numbers.
 */
export async function compareDitWithFloat32(
  folder: string,
  architecture: Architecture<DitArchitecture>,
  float32: string | undefined,
  progress: Progress,
): Promise<Deviation[]> {
  const expected = await runDit(float32 ?? folder, architecture, progress);
  if (float32 === undefined) return [];
  const actual = await runDit(folder, architecture, progress);
  return [
    { of: "network output", relativeRms: relativeRms(actual.network, expected.network) },
    { of: "pixels", relativeRms: relativeRms([actual.pixels], [expected.pixels]) },
  ];
}

async function runDit(
  folder: string,
  architecture: Architecture<DitArchitecture>,
  progress: Progress,
): Promise<Outputs> {
  const runtime = await openRuntime(folder, { threads: usableCores(), graphs: graphsOf(architecture) });
  try {
    const network = [];
    for (const [i, timestep] of TIMESTEPS.entries()) {
      network.push(await outputAt(runtime, architecture.generator, timestep, i));
      progress.add("verifying", 0);
    }
    return { network, pixels: await decodeNoise(runtime, architecture) };
  } finally {
    await runtime.close();
  }
}

async function outputAt(runtime: Runtime, generator: DitArchitecture, timestep: number, index: number) {
  const { x } = noiseImage(generator, index);
  const batch = { x, timesteps: [timestep], classes: [index % (generator.class_count + 1)] };
  const out = floats(await predict(runtime, generator, batch), "out");
  if (out.every(Number.isFinite)) return out;
  throw new ImportError(
    `At timestep ${timestep} the model makes numbers that are not finite: its weights are not those of a trained model, or its precision is too low for them.`,
  );
}

async function decodeNoise(runtime: Runtime, { generator, tokenizer }: Architecture<DitArchitecture>) {
  const writeLatents = (image: DitImage, latents: Float32Array, offset: number) =>
    unpatchify(image.x, generator, latents, offset);
  const [pixels] = await new Decoder(runtime, tokenizer).decodeImages([noiseImage(generator, 0)], { writeLatents });
  return pixels!;
}

function noiseImage(generator: DitArchitecture, imageIndex: number): DitImage {
  const parameters = { class: null, steps: 2, guidance_scale: 1, sampler: "ddpm" } as const;
  return new DitImage({ parameters, seed: SEED, imageIndex }, generator);
}
