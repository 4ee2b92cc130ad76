import type { TensorEntry } from "../checkpoint/checkpoint.js";
import { countModules, type Tensors } from "./tensor-table.js";

/** Parts of a name that are called otherwise in diffusers' AutoencoderKL; `query` to `proj_attn` until diffusers 0.17. */
const PARTS: readonly (readonly [RegExp, string])[] = [
  [/^(en|de)coder\.conv_norm_out\./, "$1coder.norm_out."],
  [/\.mid_block\.attentions\.0\./, ".mid.attn_1."],
  [/\.mid_block\.resnets\.0\./, ".mid.block_1."],
  [/\.mid_block\.resnets\.1\./, ".mid.block_2."],
  [/\.down_blocks\./, ".down."],
  [/\.up_blocks\./, ".up."],
  [/\.resnets\./, ".block."],
  [/\.attentions\./, ".attn."],
  [/\.downsamplers\.0\./, ".downsample."],
  [/\.upsamplers\.0\./, ".upsample."],
  [/\.conv_shortcut\./, ".nin_shortcut."],
  [/\.group_norm\./, ".norm."],
  [/\.(to_q|query)\./, ".q."],
  [/\.(to_k|key)\./, ".k."],
  [/\.(to_v|value)\./, ".v."],
  [/\.(to_out\.0|proj_attn)\./, ".proj_out."],
];

/** A layer of an attention that diffusers stores as a linear one, where the reference has a convolution of one pixel. */
const ATTENTION_LAYER = /\.attn(\.|_)\d+\.(q|k|v|proj_out)\.weight$/;

/**
 * A tokenizer's tensors by the names of the reference, whether the checkpoint has these or those of diffusers. diffusers
 * counts the decoder's levels from the smallest image, the reference from the largest.
 */
export function withReferenceNames(tensors: Tensors): Tensors {
  const levels = countModules(tensors, "decoder.up_blocks");
  if (levels === 0) return tensors;
  const renamed = new Map<string, TensorEntry>();
  for (const [name, entry] of tensors) {
    const reference = referenceName(name, levels);
    const isLinear = entry.shape.length === 2 && ATTENTION_LAYER.test(reference);
    renamed.set(reference, isLinear ? withKernel(entry) : entry);
  }
  return renamed;
}

function referenceName(name: string, levels: number): string {
  const counted = name.replace(
    /^decoder\.up_blocks\.(\d+)\./,
    (_, level) => `decoder.up_blocks.${levels - 1 - level}.`,
  );
  return PARTS.reduce((renamed, [pattern, part]) => renamed.replace(pattern, part), counted);
}

function withKernel({ shape, strides, ...entry }: TensorEntry): TensorEntry {
  return { ...entry, shape: [...shape, 1, 1], ...(strides && { strides: [...strides, 1, 1] }) };
}
