import { Decoder } from "../../../engine/decoder.js";
import { floats, type Runtime } from "../../../engine/runtime/runtime.js";
import { compareOutputs } from "../../../importer/compare-outputs.js";
import { ImportError } from "../../../importer/error.js";
import type { Deviation, WrittenFolder } from "../../../importer/imported-family.js";
import type { Progress } from "../../../importer/progress.js";
import type { AnyCausalArchitecture, Architecture } from "../../../model/manifest.js";
import { ImageNoise } from "../../../model/sampler/noise.js";
import { unpatchify } from "../../../model/sampler/patches.js";
import { OUTPUT } from "../../heads/head-image.js";
import { KeyValueCache } from "../cache.js";
import { predict } from "../predictor.js";

/** Sequences that the check feeds, of different classes, and how many positions of each. */
const SEQUENCES = 4;
const POSITIONS = 32;
const SEED = 0;

/** Feeds random tokens to a causal model, and decodes such tokens; see `ImportedFamily`. */
export async function compareWithFloat32(
  { folder, manifest: { architecture } }: WrittenFolder<AnyCausalArchitecture>,
  float32: string | undefined,
  progress: Progress,
): Promise<Deviation[]> {
  const output = OUTPUT[architecture.generator.head_kind];
  return compareOutputs({ folder, architecture }, float32, output, async (runtime) => ({
    network: await outputsOf(runtime, architecture.generator, output, progress),
    pixels: await decodeTokens(runtime, architecture),
  }));
}

async function outputsOf(
  runtime: Runtime,
  generator: AnyCausalArchitecture,
  output: "z" | "logits",
  progress: Progress,
): Promise<Float32Array[]> {
  const cache = new KeyValueCache(generator);
  const { token_channels: C } = generator;
  const sequences = Array.from({ length: SEQUENCES }, (_, index) => ({
    index,
    tokens: randomTokens(generator, index),
  }));
  const all = [];
  for (let position = 0; position < Math.min(POSITIONS, generator.token_count); position++) {
    const inputs = sequences.map((owner) => ({
      owner,
      label: owner.index % (generator.class_count + 1),
      token: owner.tokens.subarray(position * C, (position + 1) * C),
      position,
    }));
    const values = floats((await predict(runtime, cache, inputs)).out, output);
    if (!values.every(Number.isFinite))
      throw new ImportError(
        `At position ${position} the model makes ${output} that are not finite numbers: its weights are not those of a trained model, or its precision is too low for them.`,
      );
    all.push(values.slice());
    progress.add("verifying", 0);
  }
  return all;
}

async function decodeTokens(runtime: Runtime, { generator, tokenizer }: Architecture<AnyCausalArchitecture>) {
  const tokens = randomTokens(generator, 0);
  const latents = new Float32Array(tokens.length);
  unpatchify(tokens, generator, latents);
  return (await new Decoder(runtime, tokenizer, generator.latent_channels).decode(latents)).pixels;
}

/** Codes, or numbers of unit variance. [L, C] */
function randomTokens(generator: AnyCausalArchitecture, imageIndex: number): Float32Array {
  const noise = new ImageNoise(SEED, imageIndex);
  const { token_count, token_channels: C } = generator;
  const tokens = new Float32Array(token_count * C);
  for (let token = 0; token < token_count; token++)
    if (generator.head_kind === "diffusion") noise.fill(tokens, token * C, C, 0, token, 0);
    else tokens[token] = Math.floor(generator.codes * noise.uniform(0, token));
  return tokens;
}
