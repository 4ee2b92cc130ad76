import Type from "typebox";
import {
  type ConsistencyDecoder,
  DECODER_CHANNELS,
  type TokenizerArchitecture,
} from "../../model/tokenizer-architecture.js";
import { TRAIN_TIMESTEPS } from "../../tokenizers/consistency/schedule.js";
import {
  checkTensors,
  countModules,
  sidesOf,
  TableBuilder,
  type Tensors,
  type TensorTable,
} from "../architecture/tensor-table.js";
import { ImportError } from "../error.js";
import { readJsonFile } from "../json-file.js";

const UNET = "decoder_unet";
/** A tensor that every consistency decoder has, and no tokenizer. */
export const DECODER_MARKER = `${UNET}.time_proj.weight`;
/** GroupNorm of openai/consistency-decoder. */
const NORM_GROUPS = 32;
const NORM_EPS = 1e-5;

/** What `--arch config.json` states of a decoder. */
const DecoderConfig = Type.Object({
  decoder: Type.Optional(Type.Object({ norm_groups: Type.Integer({ minimum: 1, maximum: 1_048_576 }) })),
});

export interface DecoderReading {
  readonly decoder: ConsistencyDecoder;
  readonly table: TensorTable;
}

/**
 * Reads the sizes of a consistency decoder as diffusers names its tensors, for models on `tokenizer`'s latents. Throws
 * `ImportError` where the two do not belong together, and for tensors that do not fit.
 */
export async function readDecoder(
  tensors: Tensors,
  tokenizer: TokenizerArchitecture,
  options: { readonly arch?: string | undefined; readonly clamp: boolean },
): Promise<DecoderReading> {
  if (tokenizer.kind !== "kl" || tokenizer.latent_channels !== DECODER_CHANNELS)
    throw new ImportError(
      `The consistency decoder decodes the latents of KL-8, a KL autoencoder with ${DECODER_CHANNELS} channels; this tokenizer is of the kind "${tokenizer.kind}", with ${tokenizer.latent_channels}.`,
    );
  const config = options.arch?.endsWith(".json") ? await readJsonFile(options.arch, DecoderConfig) : {};
  const groups = config.decoder?.norm_groups ?? NORM_GROUPS;
  const reading = readDecoderSizes(tensors, groups, options.clamp);
  const { channels } = reading.decoder;
  const halvings = 2 ** (channels.length - 1);
  if (tokenizer.image_height % halvings !== 0)
    throw new ImportError(
      `The decoder halves images ${channels.length - 1} times, but those of the model are ${tokenizer.image_height} pixels high.`,
    );
  return reading;
}

export function readDecoderSizes(tensors: Tensors, groups: number, clamp: boolean): DecoderReading {
  const side = sidesOf("decoder", tensors);
  const count = countModules(tensors, `${UNET}.down_blocks`);
  if (count < 1 || count > 16) throw new ImportError(`The decoder has ${count} levels; 1 to 16 are possible.`);
  const channels = Array.from({ length: count }, (_, i) =>
    side(`${UNET}.down_blocks.${i}.resnets.0.conv1.weight`, 0, 4),
  );
  const blocks = countModules(tensors, `${UNET}.down_blocks.0.resnets`);
  const indivisible = channels.find((each) => each % groups !== 0);
  if (indivisible !== undefined)
    throw new ImportError(
      `The decoder has a level of ${indivisible} channels; its GroupNorm needs multiples of ${groups}. State another number of groups as decoder.norm_groups with --arch config.json.`,
    );
  const table = unetTable(channels, blocks, side(`${UNET}.time_embedding.linear_1.weight`, 0, 2));
  const surplus = [...tensors.keys()].filter((name) => name.startsWith(`${UNET}.`) && !table.has(name));
  checkTensors("decoder", table, tensors, surplus);
  return { decoder: { kind: "consistency", channels, blocks, norm_groups: groups, norm_eps: NORM_EPS, clamp }, table };
}

/** Every tensor of the U-Net (UNet2DModel of diffusers with learned times, scale and shift, and no attention). */
function unetTable(channels: readonly number[], blocks: number, timeWidth: number): TensorTable {
  const t = new TableBuilder();
  const residual = (name: string, inputs: number, outputs: number) =>
    addResidual(t, `${UNET}.${name}`, inputs, outputs, timeWidth);
  const [first, last] = [channels[0]!, channels.length - 1];
  t.conv(`${UNET}.conv_in`, first, 3 + DECODER_CHANNELS, 3);
  t.tensor(DECODER_MARKER, TRAIN_TIMESTEPS, first);
  t.linear(`${UNET}.time_embedding.linear_1`, timeWidth, first);
  t.linear(`${UNET}.time_embedding.linear_2`, timeWidth, timeWidth);
  const skipped = [first];
  for (const [level, width] of channels.entries()) {
    for (let i = 0; i < blocks; i++) {
      residual(`down_blocks.${level}.resnets.${i}`, skipped.at(-1)!, width);
      skipped.push(width);
    }
    if (level === last) continue;
    residual(`down_blocks.${level}.downsamplers.0`, width, width);
    skipped.push(width);
  }
  let width = channels[last]!;
  for (const i of [0, 1]) residual(`mid_block.resnets.${i}`, width, width);
  for (const [level, outputs] of channels.toReversed().entries()) {
    for (let i = 0; i <= blocks; i++) {
      residual(`up_blocks.${level}.resnets.${i}`, width + skipped.pop()!, outputs);
      width = outputs;
    }
    if (level < last) residual(`up_blocks.${level}.upsamplers.0`, width, width);
  }
  t.norm(`${UNET}.conv_norm_out`, width);
  t.conv(`${UNET}.conv_out`, 6, width, 3);
  return t.table;
}

function addResidual(t: TableBuilder, name: string, inputs: number, outputs: number, timeWidth: number): void {
  t.norm(`${name}.norm1`, inputs);
  t.conv(`${name}.conv1`, outputs, inputs, 3);
  t.linear(`${name}.time_emb_proj`, 2 * outputs, timeWidth); // scale, shift
  t.norm(`${name}.norm2`, outputs);
  t.conv(`${name}.conv2`, outputs, outputs, 3);
  if (inputs !== outputs) t.conv(`${name}.conv_shortcut`, outputs, inputs, 1);
}
