import { Decoder } from "../../../engine/decoder.js";
import { floats, type Runtime } from "../../../engine/runtime/runtime.js";
import { compareOutputs } from "../../../importer/compare-outputs.js";
import { ImportError } from "../../../importer/error.js";
import type { Deviation, WrittenFolder } from "../../../importer/imported-family.js";
import type { Progress } from "../../../importer/progress.js";
import type { Architecture, CausalArchitecture } from "../../../model/manifest.js";
import { ImageNoise } from "../../../model/sampler/noise.js";
import { KeyValueCache } from "../cache.js";
import { predict } from "../predictor.js";

/** Sequences that the check feeds, of different classes, and how many positions of each. */
const SEQUENCES = 4;
const POSITIONS = 32;
const SEED = 0;

/** Feeds random codes to a causal model, and decodes such codes; see `ImportedFamily`. */
export async function compareWithFloat32(
  { folder, manifest: { architecture } }: WrittenFolder<CausalArchitecture>,
  float32: string | undefined,
  progress: Progress,
): Promise<Deviation[]> {
  return compareOutputs({ folder, architecture }, float32, "logits", async (runtime) => ({
    network: await logitsOf(runtime, architecture.generator, progress),
    pixels: await decodeCodes(runtime, architecture),
  }));
}

async function logitsOf(runtime: Runtime, generator: CausalArchitecture, progress: Progress): Promise<Float32Array[]> {
  const cache = new KeyValueCache(generator);
  const sequences = Array.from({ length: SEQUENCES }, (_, index) => ({ index, codes: randomCodes(generator, index) }));
  const all = [];
  for (let position = 0; position < Math.min(POSITIONS, generator.token_count); position++) {
    const inputs = sequences.map((owner) => ({
      owner,
      label: owner.index % (generator.class_count + 1),
      code: owner.codes[position]!,
      position,
    }));
    const logits = floats((await predict(runtime, cache, inputs)).out, "logits");
    if (!logits.every(Number.isFinite))
      throw new ImportError(
        `At position ${position} the model makes logits that are not finite numbers: its weights are not those of a trained model, or its precision is too low for them.`,
      );
    all.push(logits);
    progress.add("verifying", 0);
  }
  return all;
}

async function decodeCodes(runtime: Runtime, { generator, tokenizer }: Architecture<CausalArchitecture>) {
  const decoder = new Decoder(runtime, tokenizer, generator.latent_channels);
  return (await decoder.decode(Float32Array.from(randomCodes(generator, 0)))).pixels;
}

function randomCodes({ token_count, codes }: CausalArchitecture, imageIndex: number): number[] {
  const noise = new ImageNoise(SEED, imageIndex);
  return Array.from({ length: token_count }, (_, token) => Math.floor(codes * noise.uniform(0, token)));
}
