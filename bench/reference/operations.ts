import { maskSchedule } from "../../src/families/mar/mask-schedule.js";
import type { MarArchitecture } from "../../src/families/mar/model.js";
import type { Architecture } from "../../src/model/manifest.js";
import type { Stack } from "../../src/model/shapes.js";
import type { Autoencoder } from "../../src/model/tokenizer-architecture.js";
import type { RunRecord } from "./records.js";

/**
 * Multiplications and additions of a batch's products, computed directly (without such savings as Winograd's), by part. Left out
 * are those that take less than 1 % of a part: the layers between the encoder and decoder, those of a token's timestep and class, and
 * the tokenizer's convolution of latents.
 */
export interface Operations {
  readonly transformer: number;
  readonly head: number;
  readonly decode: number;
}

/** The operations of all steps, of which a run may have computed only some. */
export function operationsOf(
  { generator, tokenizer }: Architecture<MarArchitecture>,
  { batch, steps, diffusionSteps, guidance }: Pick<RunRecord, "batch" | "steps" | "diffusionSteps" | "guidance">,
): Operations {
  if (tokenizer.kind === "detok") throw new Error("The authors' code has no l-DeTok tokenizer.");
  const rows = batch * (guidance > 1 ? 2 : 1);
  let [transformer, head] = [0, 0];
  for (const { masked, sampled } of maskSchedule(generator.token_count, steps)) {
    transformer += rows * transformerOperations(generator, generator.token_count - masked, sampled);
    head += rows * sampled * headOperations(generator, diffusionSteps);
  }
  return { transformer, head, decode: batch * decoderOperations(tokenizer) };
}

/** The decoder's last block needs keys and values of all tokens, but the rest of it only for those that are sampled. */
function transformerOperations(
  { buffer_size, token_count, encoder, decoder }: MarArchitecture,
  known: number,
  sampled: number,
) {
  const [encoded, decoded] = [known + buffer_size, token_count + buffer_size];
  const last =
    decoded * keysAndValues(decoder) + sampled * (blockOperations(decoder, decoded) - keysAndValues(decoder));
  return (
    encoder.depth * encoded * blockOperations(encoder, encoded) +
    (decoder.depth - 1) * decoded * blockOperations(decoder, decoded) +
    last
  );
}

const keysAndValues = ({ width }: Stack) => 4 * width * width;

/** Of one token among so many: q, k, v and the projection, attention, and the MLP. */
function blockOperations({ width, mlp_width }: Stack, tokens: number): number {
  return 8 * width * width + 4 * tokens * width + 4 * width * mlp_width;
}

/** Of one token: adaLN and the MLP of each block, adaLN of the last layer, and the first and last layers. */
function headOperations({ head: { width, depth }, token_channels, decoder }: MarArchitecture, steps: number): number {
  const step = 2 * width * ((5 * depth + 2) * width + 3 * token_channels);
  return steps * step + 2 * decoder.width * width;
}

function decoderOperations({ levels, latent_channels, latent_height, latent_width }: Autoencoder): number {
  let pixels = latent_height * latent_width;
  let channels = levels[0]!.channels;
  const conv = (inputs: number, outputs: number, kernel = 3) => 2 * pixels * inputs * outputs * kernel * kernel;
  const attention = () => 4 * conv(channels, channels, 1) + 4 * pixels * pixels * channels;
  const block = (outputs: number) =>
    conv(channels, outputs) + conv(outputs, outputs) + (channels === outputs ? 0 : conv(channels, outputs, 1));
  let sum = conv(latent_channels, channels) + 2 * block(channels) + attention();
  for (const level of levels) {
    for (let i = 0; i < level.blocks; i++) {
      sum += block(level.channels);
      channels = level.channels;
      if (level.attention) sum += attention();
    }
    if (!level.upsample) continue;
    pixels *= 4;
    sum += conv(channels, channels);
  }
  return sum + conv(channels, 3);
}
