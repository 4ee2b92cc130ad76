import { Decoder } from "../../../engine/decoder.js";
import { floats, type Runtime } from "../../../engine/runtime/runtime.js";
import { compareOutputs } from "../../../importer/compare-outputs.js";
import { ImportError } from "../../../importer/error.js";
import type { Deviation, WrittenFolder } from "../../../importer/imported-family.js";
import type { Progress } from "../../../importer/progress.js";
import type { Architecture, DiffusionTransformer } from "../../../model/manifest.js";
import { ImageNoise } from "../../../model/sampler/noise.js";
import { unpatchify } from "../../../model/sampler/patches.js";
import { drawNoise } from "../image.js";
import { predict } from "../predictor.js";

/** The check looks at the network at these shares of the way from noise to the image, one after another. */
const SHARES = [0, 0.2, 0.4, 0.6, 0.8, 1];
const SEED = 0;

/**
 * Runs a network of this kind on noise, at several timesteps and classes, and a decode; see `ImportedFamily`. `timestepAt` is the timestep
 * at a share of the way.
 */
export async function compareWithFloat32(
  { folder, manifest: { architecture } }: WrittenFolder<DiffusionTransformer>,
  float32: string | undefined,
  progress: Progress,
  timestepAt: (share: number) => number,
): Promise<Deviation[]> {
  return compareOutputs({ folder, architecture }, float32, "network output", async (runtime) => {
    const network = [];
    for (const [i, share] of SHARES.entries()) {
      network.push(await outputAt(runtime, architecture.generator, timestepAt(share), i));
      progress.add("verifying", 0);
    }
    return { network, pixels: await decodeNoise(runtime, architecture) };
  });
}

async function outputAt(runtime: Runtime, generator: DiffusionTransformer, timestep: number, index: number) {
  const x = noiseOf(generator, index);
  const batch = { x, timesteps: [timestep], classes: [index % (generator.class_count + 1)] };
  const out = floats(await predict(runtime, generator, batch), "out");
  if (out.every(Number.isFinite)) return out;
  throw new ImportError(
    `At timestep ${timestep} the model makes numbers that are not finite: its weights are not those of a trained model, or its precision is too low for them.`,
  );
}

async function decodeNoise(runtime: Runtime, { generator, tokenizer }: Architecture<DiffusionTransformer>) {
  const decoder = new Decoder(runtime, tokenizer);
  const latents = new Float32Array(decoder.latentSize);
  unpatchify(noiseOf(generator, 0), generator, latents, 0);
  return (await decoder.decode(latents)).pixels;
}

function noiseOf(generator: DiffusionTransformer, imageIndex: number): Float32Array {
  return drawNoise(new ImageNoise(SEED, imageIndex), 0, generator);
}
